"""The main job, shown: four calls on a real Asterisk, told, measured, drawn and forgotten.

script.py    who says what when, and what must come of it
play.py      plays a call with sipp
story.py     what the daemon saw and did, from its own registry
verdict.py   decrypts and measures
picture.py   draws
show.py      the evening's programme
"""

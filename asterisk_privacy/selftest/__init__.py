"""A test call on this PBX, step by step: does what is promised hold here?

`steps` keeps what was found; `side` hears Asterisk's events of the two test channels and moves them; `call` is the story of the call;
`verdict` measures its recording, which is sealed to a key that only this run has.
"""

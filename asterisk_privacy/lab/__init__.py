"""A real Asterisk and real SIP phones, for the demo and the tests; no root, nothing outside a cache and a work directory.

unpack.py   finds an Asterisk (the system's, or one unpacked from Debian's packages)
pbx.py      writes a configuration round the project's own dialplan and runs it
templates/  what that configuration looks like
"""

"""What exists and why: calls, recordings, purposes, milestones, purges and the audit chain, in one SQLite file,
or in a PostgreSQL database that several PBXs share.

`registry.Registry` is the door; `rows` says what comes out of it. No audio, no number in clear and no customer's name is stored here:
of a customer only a keyed hash and a sealed (encrypted) number, and those go when the last recording of the call is gone.
"""

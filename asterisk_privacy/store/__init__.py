"""Where recordings lie: age-encrypted FLAC that this machine can write but not hear, sealed atomically, shredded in steps.

recipients, identity   public keys (here) and secret keys (with the reviewers, never here)
bech32, age_header, age   the age v1 file format: any `age` program reads what is written here
flac                   stereo in, one-way bytes out
layout, faults         names in the directory; errors for an operator
bucket, bucket_keys, bucket_check   S3-compatible storage: how it is reached, with which key, and whether it will do
objects, object_reading   recordings there: brought, read by Range, removed with every version
shelf, opening, sealed_audio   where a recording is read from, and what is heard of it
vault                  the front door: writer, settle (after a crash), shred, opening (reviewers' side)
seal_text              a short text, such as a caller's number, sealed to the same keys
"""

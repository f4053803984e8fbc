"""What the organisation promised: purposes, keys, sampling and retention. Pure: no clock, no I/O, no randomness."""

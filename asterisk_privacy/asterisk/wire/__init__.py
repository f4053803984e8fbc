"""Hearing a phone where its packets reach this machine, without asking Asterisk for any audio: no snoop, no thread, no copy of its own.

filter.py    what the kernel lets through: RTP to parties in conversation, and nothing else
packets.py   the kernel's ring of packets, each with the moment at which it came
right.py     laying down the right to listen to more
rtp.py       a packet's header
stream.py    packets -> frames of 20 ms (pure)
fit.py       whether they go on as before (pure)
place.py     where a channel's packets arrive
tap.py       one party's; a snoop where the wire does not do
capture.py   all taps, the ring between them
"""

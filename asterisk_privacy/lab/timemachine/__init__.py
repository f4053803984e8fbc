"""The time machine: years of calls, reviews, cases, holds and requests on a virtual clock, with the real policy, registry and purger.

A call that nothing keeps leaves nothing behind, so it is counted and gets no row; there are no audio files. Kept calls are written in
bulk (`bulk`), all that happens to them later by the registry's own methods. `watch` checks every night what the purger did, by
simple rules of its own.
"""

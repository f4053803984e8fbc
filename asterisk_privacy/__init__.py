"""Call recording for Asterisk that keeps only what the law and common sense let you keep.

The way of a call, which is also the map of this package:

    asterisk/  ->  call/  ->  audio/  ->  store/  ->  registry/  ->  retention/
    events in      decides    RAM ring    encrypted   what exists    forgetting
                   (pure)     + gate      files       and why

    policy/     pure: purposes, keys, sampling, retention criteria; one validated book
    daemon/     where the rooms meet: config, supervisor, one call's runner, health
    cli/        one file per command family: parsing and printing only
    lab/        a real Asterisk and real SIP phones for the demo and the tests

Imports point one way: cli, lab > daemon > {asterisk, store, registry, retention} > {audio, call} > policy.
ARCHITECTURE.md beside the README tells the rest.
"""

__version__ = "0.1.0"

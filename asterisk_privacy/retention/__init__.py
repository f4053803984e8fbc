"""Forgetting: what is due and why (pure), the purger that does it one recording at a time, and files against rows.

This room knows neither registry nor store; `purger.Rows` and `purger.Files` say what it needs of them. `daemon.purging` joins them.
"""

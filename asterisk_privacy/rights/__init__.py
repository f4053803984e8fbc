"""What a person may ask (GDPR art. 15 to 21): how long there is to answer, what may be refused and why, and the copy that is handed over.

This room knows neither registry nor store; `daemon.rights` joins them.
"""

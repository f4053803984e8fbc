"""What Asterisk sends to a FastAGI server, as 22.10.1 did."""

from __future__ import annotations


def environment(channel: str = "1.5", query: str = "profile=sales&direction=in", **changed: str) -> bytes:
    """Of the dialplan of `channel`. `changed`: values of lines by their names without agi_."""
    fields = {
        "network": "yes",
        "network_script": f"start?{query}",
        "request": address(query),
        "channel": "PJSIP/trunk-00000001",
        "language": "en",
        "type": "PJSIP",
        "uniqueid": channel,
        "version": "22.10.1",
        "callerid": "100",
        "calleridname": "unknown",
        "callingpres": "0",
        "callingani2": "0",
        "callington": "0",
        "callingtns": "0",
        "dnid": "100",
        "rdnis": "unknown",
        "context": "privacy-ask",
        "extension": "s",
        "priority": "14",
        "enhanced": "0.0",
        "accountcode": "",
        "threadid": "140532102276800",
    }
    return "".join(f"agi_{name}: {value}\n" for name, value in {**fields, **changed}.items()).encode() + b"\n"


def address(query: str = "profile=sales&direction=in") -> str:
    """What AGI() was given for it."""
    return f"agi://127.0.0.1:4573/start?{query}"

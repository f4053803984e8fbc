"""What the PBX of the matrix is: lanes of endpoints, queues, parking lots and extensions; one call a lane, twelve calls at once."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path

from sites import ALWAYS, FLAG

from asterisk_privacy.lab.site import CAPTURE, Site
from asterisk_privacy.lab.unpack import Install

LANES = 12
CUSTOMER = "cora"
AGENTS = ("anna", "ben", "dora", "mia")
PEOPLE = (CUSTOMER, *AGENTS)
PROFILES = ("always", "flag", "asked")

_PROFILE = """
[profiles.{profile}{lane}]
title = "{profile}{lane}"
language = "en"
announcement = "short"
purposes = ["{purpose}"]
{more}
"""
_DIALPLAN = """
[outside](+)
exten => dial{n},1,Gosub(privacy-start,s,1(always{n}))
 same => n,Dial(PJSIP/anna{n},30,tk)
 same => n,Hangup()
exten => flag{n},1,Gosub(privacy-start,s,1(flag{n}))
 same => n,Dial(PJSIP/anna{n},30,tk)
 same => n,Hangup()
exten => asked{n},1,Gosub(privacy-start,s,1(asked{n}))
 same => n,Dial(PJSIP/anna{n},30,tk)
 same => n,Hangup()
exten => mia{n},1,Gosub(privacy-start,s,1(always{n}))
 same => n,Dial(PJSIP/mia{n},30,tk)
 same => n,Hangup()
exten => ben{n},1,Gosub(privacy-start,s,1(always{n}))
 same => n,Dial(PJSIP/ben{n},30,tk)
 same => n,Hangup()
exten => queue{n},1,Gosub(privacy-start,s,1(always{n}))
 same => n,Queue(q{n},tk)
 same => n,Hangup()
exten => flagqueue{n},1,Gosub(privacy-start,s,1(flag{n}))
 same => n,Queue(q{n},tk)
 same => n,Hangup()
exten => local{n},1,Gosub(privacy-start,s,1(always{n}))
 same => n,Queue(l{n},tk)
 same => n,Hangup()
exten => room{n},1,Gosub(privacy-start,s,1(always{n}))
 same => n,ConfBridge(room{n})
 same => n,Hangup()
[members]
exten => anna{n},1,Dial(PJSIP/anna{n},30,tk)
[inside](+)
include => lot{n}
include => brief{n}
exten => anna{n},1,Dial(PJSIP/anna{n},30,tk)
exten => ben{n},1,Dial(PJSIP/ben{n},30,tk)
exten => dora{n},1,Dial(PJSIP/dora{n},30,tk)
exten => 5{n}1,1,Dial(PJSIP/anna{n},30,tk)
exten => 5{n}2,1,Dial(PJSIP/ben{n},30,tk)
exten => 5{n}3,1,Dial(PJSIP/dora{n},30,tk)
exten => back{n},1,Queue(q{n},tk)
exten => out{n},1,Dial(PJSIP/cora{n},30,TKkU(privacy-outbound^always{n}))
exten => askout{n},1,Dial(PJSIP/cora{n},30,TKkU(privacy-outbound^asked{n}))
exten => room{n},1,Answer()
 same => n,ConfBridge(room{n})
exten => pick{n},1,PickupChan(PJSIP/ben{n}-,p)
"""
_QUEUES = """
[q{n}]
strategy = ringall
timeout = 2
retry = 1
musicclass = default
joinempty = yes
ringinuse = yes
periodic-announce = queue-periodic-announce
periodic-announce-frequency = 1
member => PJSIP/anna{n}
[l{n}]
strategy = ringall
timeout = 5
retry = 1
musicclass = default
joinempty = yes
ringinuse = yes
member => Local/anna{n}@members/n
"""
_LOT = """
[{name}{n}]
parkext = {digit}{n}0
parkext_exclusive = yes
parkpos = {digit}{n}1-{digit}{n}5
context = {name}{n}
parkingtime = {seconds}
comebacktoorigin = yes
findslot = first
parkedcalltransfers = both
"""
_ENDPOINT = """
[{name}{n}](lab-phone{agent})
allow = ulaw,alaw,g722,slin16,opus
context = {context}
aors = {name}{n}
dtmf_mode = auto_info
set_var = PARKINGLOT=lot{n}
moh_passthrough = {passthrough}
[{name}{n}](lab-contact)
contact = sip:{name}{n}@127.0.0.1:{port}
"""


def phone_ports() -> dict[str, int]:
    """Of each person of each lane. Not from where the system takes ports for sockets without a wish, such as the phones' RTP."""
    names = [f"{name}{lane}" for lane in range(LANES) for name in PEOPLE]
    for base in range(20_000 + os.getpid() % 100 * 100, 32_000, 100):
        with ExitStack() as stack:
            try:
                for port in range(base, base + len(names)):
                    stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", port))
            except OSError:
                continue
            return dict(zip(names, range(base, base + len(names)), strict=True))
    raise OSError("no free ports for the phones")


def policy() -> str:
    purposes = {"always": "proof", "flag": "complaint", "asked": "proof"}
    return (
        ALWAYS
        + FLAG
        + "".join(
            _PROFILE.format(profile=name, lane=n, purpose=purposes[name], more='refuse_key = "3"' if name == "asked" else "")
            for n in range(LANES)
            for name in PROFILES
        )
    )


def dialplan() -> str:
    return "\n[outside]\n[inside]\ninclude => privacy-keys-idle\n" + "".join(_DIALPLAN.format(n=n) for n in range(LANES))


def files() -> dict[str, str]:
    """What is appended to Asterisk's other files."""
    queues = "".join(_QUEUES.format(n=n) for n in range(LANES))
    lots = "".join(
        _LOT.format(name=name, n=n, digit=digit, seconds=seconds)
        for n in range(LANES)
        for name, digit, seconds in (("lot", 8, 45), ("brief", 9, 2))
    )
    return {
        "queues.conf": queues,
        "res_parking.conf": lots,
        "modules.conf": "load = app_directed_pickup.so\nload = codec_opus_open_source.so\n",
    }


def endpoints(ports: dict[str, int]) -> str:
    """`ports`: of each person of each lane, such as {"anna0": 30000}."""
    return "".join(
        _ENDPOINT.format(
            name=name,
            n=n,
            agent="" if name == CUSTOMER else ",privacy-agent",
            context="outside" if name == CUSTOMER else "inside",
            port=ports[f"{name}{n}"],
            passthrough="yes" if name == "mia" else "no",
        )
        for n in range(LANES)
        for name in PEOPLE
    )


def the_site(workdir: Path, install: Install, ports: dict[str, int], sounds: Path, capture: str = CAPTURE) -> Site:
    return Site(
        workdir,
        install,
        policy(),
        settings={"keys.grace_seconds": "2"},
        sounds=sounds,
        extra_dialplan=dialplan(),
        extra_pjsip=endpoints(ports),
        extra=files(),
        prompts=True,
        capture=capture,
    )

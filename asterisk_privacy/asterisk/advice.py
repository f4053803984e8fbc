"""What in the running Asterisk would hide conversation or holds from the recorder, or keep it from working: asked over ARI."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.agent_marks import FEATURES, MARK, TECHNOLOGY, is_marked, is_named
from asterisk_privacy.asterisk.ari import Ari
from asterisk_privacy.asterisk.dialplan_probe import missing_contexts
from asterisk_privacy.asterisk.endpoints import HIDING, ON, endpoint_settings, endpoints
from asterisk_privacy.asterisk.modules import MODULES, used_by
from asterisk_privacy.asterisk.release import wrong_with

MOST_ENDPOINTS = 500
"""Asked one by one; beyond this many the rest is not looked at, and said so."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """Where this recorder can be reached, each as "host:port". `told`: it says itself where the audio goes, whatever the dialplan says."""

    agi: str
    audio: str
    told: bool = False


class _System(msgspec.Struct):
    version: str = ""


class _Info(msgspec.Struct):
    system: _System = msgspec.field(default_factory=_System)


class _Module(msgspec.Struct):
    name: str
    status: str = ""


async def advice(ari: Ari, dialled: Dialled, named: Sequence[str] = ()) -> tuple[str, ...]:
    """One line each: what is wrong, and what to set. `named`: [agents] endpoints. The application must be connected. Raises AriRefused or
    AriUnreachable if Asterisk does not answer."""
    found = [*_release(await ari.request("GET", "asterisk/info", {"only": "system"}))]
    found += _missing_modules(await ari.request("GET", "asterisk/modules"))
    missing = await missing_contexts(ari)
    found += _dialplan(missing)
    asked = await ari.global_variable(names.AGI_VARIABLE) or names.AGI_DEFAULT
    found += _misdialled(names.AGI_VARIABLE, asked, dialled.agi, "answers the dialplan")
    if not dialled.told or missing:
        to = await ari.global_variable(names.AUDIOSOCKET_VARIABLE) or names.AUDIOSOCKET_DEFAULT
        found += _misdialled(names.AUDIOSOCKET_VARIABLE, to, dialled.audio, "takes audio")
    if "&" in asked and not dialled.told:
        found.append(
            f"config.toml: {names.AGI_VARIABLE} names several recorders, and this one does not say where its audio goes; "
            f'write [capture] advertise = "{dialled.audio}"'
        )
    found += await _of_endpoints(ari, named)
    if not FEATURES.isdisjoint((await ari.global_variable(MARK) or "").split("#")):
        found.append(f"extensions.conf: [globals] {MARK} gives every channel the agents' keys, customers' too; take ours out of it")
    return tuple(found)


def _nobody_is_an_agent(marked: Mapping[str, bool], named: Sequence[str]) -> Iterable[str]:
    """`marked`: PJSIP endpoints, and whether their settings say that they are agents'. Nothing is known of other technologies."""
    known = {endpoint for endpoint, yes in marked.items() if yes or is_named(endpoint, named)}
    if marked and not known and all(pattern.startswith(TECHNOLOGY) for pattern in named):
        yield (
            "pjsip.conf: no endpoint is an agent's, so that nothing is kept of any call; "
            "give agents' endpoints the template privacy-agent, or name them in config.toml, [agents] endpoints"
        )
    if len(marked) > 1 and any(all(is_named(endpoint, (pattern,)) for endpoint in marked) for pattern in named):
        yield "config.toml: [agents] endpoints names every PJSIP endpoint, trunks too, whose callers are no customers then; name agents"


def _release(body: bytes) -> Iterable[str]:
    if wrong := wrong_with(msgspec.json.decode(body, type=_Info).system.version):
        yield wrong


def _dialplan(missing: tuple[str, ...]) -> Iterable[str]:
    if len(missing) == len(names.CONTEXTS):
        yield (
            "extensions.conf: the dialplan has none of the recorder's contexts, so that no call is announced or recorded; "
            "#tryinclude extensions_privacy.conf, then: asterisk -rx 'dialplan reload'"
        )
    elif missing:
        yield (
            f"extensions_privacy.conf: the dialplan lacks [{'], ['.join(missing)}], as an older or a changed include does; "
            "install the one of this release, then: asterisk -rx 'dialplan reload'"
        )


def _misdialled(variable: str, told: str, ours: str, does: str) -> Iterable[str]:
    """`told` may be several addresses with & in between, of which one is to be ours."""
    if not any(_may_be_same(one.strip(), ours) for one in told.split("&")):
        more = f", or one more behind it: {told}&{ours}" if "&" in told else ""
        yield f"extensions.conf: [globals] {variable} is {told}, the recorder {does} at {ours}; set {variable}={ours}{more}"


def _may_be_same(told: str, ours: str) -> bool:
    """A name may be any address; one that listens everywhere listens there too."""
    (host, _, port), (here, _, at) = told.rpartition(":"), ours.rpartition(":")
    if port != at:
        return False
    try:
        one, other = ipaddress.ip_address(host.strip("[]")), ipaddress.ip_address(here.strip("[]"))
    except ValueError:
        return True
    return one == other or other.is_unspecified


def _missing_modules(body: bytes) -> Iterable[str]:
    running = {m.name.removesuffix(".so") for m in msgspec.json.decode(body, type=list[_Module]) if m.status == "Running"}
    return (f"modules.conf: {name}.so is not running ({used_by(name)}); load it" for name in MODULES if name not in running)


async def _of_endpoints(ari: Ari, named: Sequence[str]) -> list[str]:
    found, known = [], await endpoints(ari)
    agents: dict[str, bool] = {}
    for endpoint in known[:MOST_ENDPOINTS]:
        settings = await endpoint_settings(ari, endpoint) or {}
        agents[f"{TECHNOLOGY}{endpoint}"] = is_marked(settings)
        found += [
            f"pjsip.conf: endpoint {endpoint} has {option}=yes, so that {what}; set {option}=no"
            for option, what in HIDING.items()
            if settings.get(option) in ON
        ]
    if len(known) > MOST_ENDPOINTS:
        options = " and ".join(f"{option}=no" for option in HIDING)
        found.append(f"pjsip.conf: only {MOST_ENDPOINTS} of {len(known)} endpoints were looked at; set {options} in all")
    return [*found, *_nobody_is_an_agent(agents, named)]

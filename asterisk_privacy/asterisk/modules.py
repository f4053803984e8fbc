"""The modules that Asterisk must run for the recorder, and what each is needed for: one list for `setup`, `check-config`, `status`
and `selftest`. Tests compare it with the dialplan that is shipped, and with what is asked over ARI."""

from __future__ import annotations

from collections.abc import Mapping

DIALPLAN: Mapping[str, tuple[str, ...]] = {
    "app_audiosocket": ("AudioSocket",),
    "app_controlplayback": ("ControlPlayback",),
    "app_exec": ("ExecIf",),
    "app_originate": ("Originate",),
    "app_playback": ("Playback",),
    "app_playtones": ("Playtones",),
    "app_stack": ("Gosub", "Return", "LOCAL()", "STACK_PEEK()"),
    "app_userevent": ("UserEvent",),
    "app_waitforcond": ("WaitForCondition",),
    "func_channel": ("CHANNEL()",),
    "func_cut": ("CUT()",),
    "func_dialplan": ("DIALPLAN_EXISTS()",),
    "func_env": ("DIRNAME()",),
    "func_export": ("EXPORT()",),
    "func_global": ("GLOBAL()",),
    "func_logic": ("IF()",),
    "func_strings": ("ARRAY()", "FIELDQTY()", "FILTER()", "LEN()", "STRFTIME()", "STRREPLACE()"),
    "func_timeout": ("TIMEOUT()",),
    "res_agi": ("AGI",),
}
"""Applications and functions of the include, without those that are built in."""

SELFTEST: Mapping[str, tuple[str, ...]] = {
    "app_dial": ("Dial",),
    "app_stasis": ("Stasis",),
    "func_holdintercept": ("HOLD_INTERCEPT()",),
}
"""What its test call needs besides."""

ROOMS: Mapping[str, tuple[str, ...]] = {"app_confbridge": ("ConfBridge", "CONFBRIDGE()")}
"""What the keys in a conference need, where there are conferences."""

ARI = (
    "res_ari", "res_ari_applications", "res_ari_asterisk", "res_ari_bridges", "res_ari_channels", "res_ari_endpoints", "res_ari_events",
    "res_ari_playbacks", "res_http_websocket", "res_stasis", "res_stasis_playback", "res_stasis_snoop",
)  # fmt: skip

OTHERS = ("format_wav", "res_audiosocket")
"""The sounds that are shipped, and what app_audiosocket needs."""

MODULES = tuple(sorted({*DIALPLAN, *ARI, *OTHERS}))


def used_by(module: str) -> str:
    """Such as `CUT() of the dialplan`."""
    named = DIALPLAN.get(module) or SELFTEST.get(module)
    return f"{' and '.join(named[:2])} of the dialplan" if named else "the recorder's connection" if module in ARI else "sounds and voices"

"""The daemon's side of `asterisk-privacy selftest`: a line and a purpose of their own, sealed to a key that only that command has.

There is no such line unless the command asked for it a moment ago over the control socket, and only its own Local channel can call it:
no real call is announced, recorded or sealed by this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

from asterisk_privacy.audio.suspense import Suspense
from asterisk_privacy.call.conversation import SELFTEST_CUSTOMER
from asterisk_privacy.daemon.call_tools import Tools
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.policy.purpose import Basis, Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.store.recipients import Recipients

NAME = "selftest"
ARMED_SECONDS = 60.0
PURPOSE = Purpose(
    name=NAME,
    title="a test of the recorder",
    basis=Basis.LEGITIMATE_INTEREST,
    reasoning="A test call between two tones; nobody speaks in it.",
    trigger=Trigger.FLAG,
    retention=Days(1),  # the command shreds it at once; this is for one that was cut off
)


@dataclass(frozen=True, slots=True)
class Line:
    profile: Profile
    tools: Tools


class SelftestLine:
    """At most one test call, for a minute after `arm`."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._line: Line | None = None
        self._until = 0.0

    def arm(self, config: Config, tools: Tools, public_key: str, like: str = "") -> Profile:
        """`like`: the profile whose announcement is played; without it the first one. ValueError: the key or the profile is none."""
        recipients = Recipients.of([public_key])
        profiles = config.book.profiles
        model = profiles.get(like) if like else next(iter(profiles.values()), None)
        if model is None:
            raise ValueError(f"no profile {like!r}; config.toml has {', '.join(sorted(profiles)) or 'none'}")
        profile = Profile(NAME, "Test call", model.language, model.announcement, (PURPOSE,), None)
        # tones are music, and the test is no matter of music
        mine = replace(tools, vault=vault_of(config, recipients), new_suspense=lambda: Suspense(0, 0))
        self._line, self._until = Line(profile, mine), self._clock() + ARMED_SECONDS
        return profile

    def take(self, wanted: str, channel_name: str | None) -> Line | None:
        """The line, once, for the test's own channel that asks for it by its name."""
        mine = wanted == NAME and channel_name is not None and channel_name.startswith(SELFTEST_CUSTOMER)
        if not mine or self._clock() >= self._until:
            return None
        line, self._line = self._line, None
        return line

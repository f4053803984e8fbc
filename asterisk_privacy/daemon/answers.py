"""What the dialplan is told over FastAGI: the PRIVACY_ variables of dialplan/extensions_privacy.conf."""

from __future__ import annotations

from collections.abc import Mapping

from asterisk_privacy.policy.book import NAME
from asterisk_privacy.policy.purpose import Profile

MOST_DIGITS = 3
"""In a profile's name that may be written to the log."""
KEY_SECONDS = 2
"""How long the caller may still press after the announcement has ended."""


def announcement(profile: Profile, call_id: str, notice: str, sounds: str, state: str = "", recorder: str = "") -> Mapping[str, str]:
    """An explicit plan: AGISTATUS is SUCCESS even when a server closes at once (facts 7). `notice`: the name of this announcement."""
    agree_keys = "".join(dict.fromkeys(p.agree_key for p in profile.purposes if p.agree_key is not None))
    return {
        "PRIVACY_CALL": call_id,
        "PRIVACY_RECORDER": recorder,
        "PRIVACY_STATE": state,
        "PRIVACY_NOTICE": notice_path(profile, sounds),
        "PRIVACY_REFUSE_KEY": profile.refuse_key or "",
        "PRIVACY_AGREE_KEYS": agree_keys,
        "PRIVACY_KEY_SECONDS": str(KEY_SECONDS),
        "PRIVACY_NOTICE_ID": notice,
        # last: a connection that breaks before this announces nothing
        "PRIVACY_PLAN": "announce",
    }


def notice_path(profile: Profile, sounds: str) -> str:
    """Of the sound, on the machine where Asterisk is, without the extension by which Asterisk picks a format."""
    named = profile.announcement
    return named if named.startswith("/") else f"{sounds}/{profile.language}/{named}"


def no_announcement() -> Mapping[str, str]:
    """The call goes on unrecorded, and so is not announced as recorded either."""
    return {"PRIVACY_PLAN": "none"}


def shown(profile: str) -> str:
    """A profile that is none, for the log: what is asked for may be anybody's words, and hold a number."""
    looks_like_one = NAME.fullmatch(profile) and sum(c.isdigit() for c in profile) <= MOST_DIGITS
    return f"profile '{profile}'" if looks_like_one else "a profile by what is no name of one"


def elsewhere() -> Mapping[str, str]:
    """Another recorder is to be asked."""
    return {"PRIVACY_PLAN": "elsewhere"}

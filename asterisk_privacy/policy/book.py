"""The whole policy of an organisation as one book, and every contradiction in it (R6, promise 5)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from asterisk_privacy.policy.further import why_no_source, why_no_target
from asterisk_privacy.policy.problem import Problem, place_of
from asterisk_privacy.policy.purpose import Basis, Compatible, Period, Profile, Purpose, Trigger
from asterisk_privacy.policy.row_life import RowLife
from asterisk_privacy.policy.tenant import Tenant

LANGUAGES = ("nl", "en", "de")
DAYS_OF = {Period.DAY: 1, Period.WEEK: 7, Period.MONTH: 31, Period.QUARTER: 92}
KEYS = "0123456789*#"  # what a telephone has
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")  # names travel through the dialplan as arguments and channel variables
SOUND = re.compile(r"[A-Za-z0-9_./-]+")  # a comma or an ampersand would be syntax to Playback()
FEWEST_WORDS = 4  # fewer are no sentence
LONGEST_BECAUSE = 600  # characters
ASSESS = (
    "write the assessment of GDPR art. 6(4) in a sentence: how the two are linked, what the caller expects, what it means for him, "
    "what protects him"
)
SOUND_EXTENSIONS = (".wav", ".wav16", ".ulaw", ".alaw", ".sln", ".sln16", ".gsm", ".g722", ".mp3", ".flac")


@dataclass(frozen=True, slots=True)
class Book:
    """All mappings go by name; a profile carries its purposes whole."""

    profiles: Mapping[str, Profile]
    purposes: Mapping[str, Purpose]
    rows: RowLife = field(default_factory=RowLife)
    tenants: Mapping[str, Tenant] = field(default_factory=dict)  # none: everything is one company's

    def of(self, tenant: str) -> Book:
        """What that company's lines may be recorded for, and nothing of another's: not that there is one."""
        profiles = {name: profile for name, profile in self.profiles.items() if profile.tenant == tenant}
        announced = {purpose.name for profile in profiles.values() for purpose in profile.purposes}
        purposes = {name: purpose for name, purpose in self.purposes.items() if name in announced}
        return Book(profiles, purposes, self.rows, {tenant: self.tenants[tenant]})


def problems(book: Book) -> list[Problem]:
    """Every contradiction, in the order of the book; an empty list means that the book can be kept."""
    return list(_problems(book))


def _problems(book: Book) -> Iterator[Problem]:
    if not book.purposes:
        yield Problem("purposes", "there are none, so nothing may be recorded", "write at least one [purposes.NAME]")
    if not book.profiles:
        yield Problem("profiles", "there are none, so no call can be announced", "write at least one [profiles.NAME]")
    for name, purpose in book.purposes.items():
        yield from _name(place_of("purposes", name), name, purpose.name)
        yield from _purpose(place_of("purposes", name), purpose)
        yield from _compatible(place_of("purposes", name, "compatible"), purpose, book.purposes)
    for name, profile in book.profiles.items():
        yield from _name(place_of("profiles", name), name, profile.name)
        yield from _profile(place_of("profiles", name), profile, book.purposes)
    yield from _tenants(book)


def _tenants(book: Book) -> Iterator[Problem]:
    for name, tenant in book.tenants.items():
        yield from _name(place_of("tenants", name), name, tenant.name)
        if not tenant.title.strip():
            yield Problem(
                f"{place_of('tenants', name)}.title", "is empty", "write the company's name, as the register of processing has it"
            )
    for name, profile in book.profiles.items():
        place = f"{place_of('profiles', name)}.tenant"
        if profile.tenant is None and book.tenants:
            yield Problem(place, "is missing, and each line is some company's where [tenants] are named", f"write {_one_of(book.tenants)}")
        elif profile.tenant is not None and profile.tenant not in book.tenants:
            remedy = f"write {_one_of(book.tenants)}" if book.tenants else f"write [{place_of('tenants', profile.tenant)}], or leave it out"
            yield Problem(place, f"there is no tenant {profile.tenant!a}", remedy)
    for name, purpose in book.purposes.items():
        sharing = sorted({profile.tenant for profile in book.profiles.values() if profile.tenant and purpose in profile.purposes})
        if purpose.quota is not None and len(sharing) > 1:
            what = f"counts the calls of {' and '.join(sharing)} together, and takes one company's call in place of another's"
            yield Problem(f"{place_of('purposes', name)}.quota", what, "write a purpose for each company, or one_in in place of the quota")


def _one_of(tenants: Mapping[str, Tenant]) -> str:
    return " or ".join(f'tenant = "{name}"' for name in tenants)


def _name(place: str, filed_under: str, name: str) -> Iterator[Problem]:
    if filed_under != name:
        yield Problem(place, f"is filed under a name that is not its own ({name!a})", "write the same name in both places")
    if not NAME.fullmatch(filed_under):
        yield Problem(place, "this name cannot pass through a dialplan", "write a name of at most 40 of a-z, 0-9, - and _ instead")


def _purpose(place: str, purpose: Purpose) -> Iterator[Problem]:
    if not purpose.title.strip():
        yield Problem(f"{place}.title", "is empty", "write the purpose in words that a caller understands")
    if not purpose.reasoning.strip():
        yield Problem(
            f"{place}.reasoning", "is empty", f"write why {purpose.basis} is the legal basis here; it goes into the register of processing"
        )
    yield from _choice(place, purpose)
    yield from _sampling(place, purpose)
    yield from purpose.retention.problems(f"{place}.retention")


def _choice(place: str, purpose: Purpose) -> Iterator[Problem]:
    """GDPR art. 7: consent is an act, so it needs a key; a legal obligation (art. 6(1)(c)) does not wait for one."""
    if purpose.agree_key is None:
        if purpose.basis is Basis.CONSENT:
            yield Problem(
                f"{place}.agree_key", "is missing, and silence is no consent", 'write agree_key = "1", or a basis other than "consent"'
            )
    elif purpose.agree_key not in tuple(KEYS):
        yield Problem(f"{place}.agree_key", f"{purpose.agree_key!a} is not a telephone key", 'write one of 0-9, "*" or "#" instead')
    elif purpose.basis is Basis.LEGAL_OBLIGATION:
        yield Problem(
            f"{place}.agree_key", "a legal obligation does not depend on the caller's key", "leave agree_key out, or write another basis"
        )


def _sampling(place: str, purpose: Purpose) -> Iterator[Problem]:
    if purpose.trigger is not Trigger.SAMPLE:
        for setting in (name for name in ("one_in", "quota") if getattr(purpose, name) is not None):
            yield Problem(
                f"{place}.{setting}",
                f"has no meaning with the trigger {purpose.trigger}",
                f'leave {setting} out, or write trigger = "sample"',
            )
    elif purpose.quota is not None:
        yield from _quota(place, purpose)
    elif purpose.one_in is None:
        yield Problem(f"{place}.one_in", 'is missing, and the trigger "sample" needs it', "write one_in = 20 to take one call in twenty")
    elif purpose.one_in < 1:
        yield Problem(f"{place}.one_in", f"no call can be one in {purpose.one_in}", "write one_in = 20 to take one call in twenty")


def _quota(place: str, purpose: Purpose) -> Iterator[Problem]:
    assert purpose.quota is not None
    if purpose.one_in is not None:
        yield Problem(f"{place}.quota", "contradicts one_in: both say how calls are drawn", "write one of the two")
    if purpose.quota.calls < 1:
        yield Problem(f"{place}.quota.calls", f"{purpose.quota.calls} calls are none", 'write quota = { calls = 4, per = "month" }')
    if purpose.retention.latest_days < DAYS_OF[purpose.quota.per]:
        # until its period is over a call may still be replaced; who reviews earlier reviews the first calls, which everybody expects
        yield Problem(
            f"{place}.retention.latest_days",
            f"{purpose.retention.latest_days} days end before the quota's {purpose.quota.per} does",
            f"write {DAYS_OF[purpose.quota.per]} or more, or a quota for a shorter period",
        )


def _compatible(place: str, purpose: Purpose, known: Mapping[str, Purpose]) -> Iterator[Problem]:
    """GDPR art. 6(4). A purpose that can be heard for nothing else is told so once, whatever it lists."""
    if purpose.compatible and (why := why_no_source(purpose)) is not None:
        yield Problem(place, f"{purpose.name} {why.what}", why.remedy)
        return
    names = [one.purpose for one in purpose.compatible]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield Problem(place, f"{name!a} is listed {names.count(name)} times", "write each purpose once")
    for one in purpose.compatible:
        yield from _target(f"{place}.{place_of(one.purpose)}", purpose, one, known)


def _target(place: str, purpose: Purpose, one: Compatible, known: Mapping[str, Purpose]) -> Iterator[Problem]:
    if one.purpose == purpose.name:
        yield Problem(place, "is this purpose itself, for which its recordings may be heard anyway", "leave it out")
        return
    target = known.get(one.purpose)
    if target is None:
        near = difflib.get_close_matches(one.purpose, [name for name in known if name != purpose.name], n=1)
        remedy = f"did you mean {near[0]}?" if near else f"write [{place_of('purposes', one.purpose)}], or leave it out"
        yield Problem(place, f"there is no purpose {one.purpose!a}", remedy)
        return
    why = why_no_target(target)
    if why is not None:
        yield Problem(place, f"{target.name} {why.what}", why.remedy)
    if not one.because.strip():
        yield Problem(place, "says not why it is compatible", ASSESS)
    elif len(one.because.split()) < FEWEST_WORDS:
        yield Problem(place, f"{one.because.strip()!a} is no assessment", ASSESS)
    elif len(one.because) > LONGEST_BECAUSE:
        what = f"{len(one.because)} characters are too many to stand in the audit trail at each listen"
        yield Problem(place, what, f"write {LONGEST_BECAUSE} at most, and the rest in your own file")


def _profile(place: str, profile: Profile, known: Mapping[str, Purpose]) -> Iterator[Problem]:
    if not profile.title.strip():
        yield Problem(f"{place}.title", "is empty", "write the name of this line or queue in words")
    if profile.language not in LANGUAGES:
        yield Problem(f"{place}.language", f"there are no sounds for {profile.language!a}", "write one of " + ", ".join(LANGUAGES))
    yield from _announcement(f"{place}.announcement", profile.announcement)
    yield from _members(f"{place}.purposes", profile, known)
    yield from _refusal(f"{place}.refuse_key", profile)


def _announcement(place: str, announcement: str) -> Iterator[Problem]:
    """R1: no announcement, no recording."""
    if not announcement:
        yield Problem(place, "is empty, and without an announcement nothing is recorded", 'write a sound, such as "notice-optout"')
    elif not SOUND.fullmatch(announcement) or ".." in announcement.split("/"):
        yield Problem(place, f"{announcement!a} is not the name of one sound", "write it with letters, digits, and - _ . / only")
    elif announcement.lower().endswith(SOUND_EXTENSIONS):
        bare = announcement.rpartition(".")[0]
        yield Problem(place, f"{announcement!a} has an extension, which Asterisk chooses itself", f'write "{bare}" instead')


def _members(place: str, profile: Profile, known: Mapping[str, Purpose]) -> Iterator[Problem]:
    if not profile.purposes:
        yield Problem(place, "is empty: its calls would be announced for nothing", "write at least one purpose, or remove the profile")
    names = [purpose.name for purpose in profile.purposes]
    for name in sorted(set(names)):
        if name not in known:
            yield Problem(place, f"there is no purpose {name!a}", f"write [{place_of('purposes', name)}], or take it off this list")
        if names.count(name) > 1:
            yield Problem(place, f"{name!a} is listed {names.count(name)} times", "write each purpose once")


def _refusal(place: str, profile: Profile) -> Iterator[Problem]:
    if profile.refuse_key is None:
        return
    if profile.refuse_key not in tuple(KEYS):
        yield Problem(place, f"{profile.refuse_key!a} is not a telephone key", 'write one of 0-9, "*" or "#" instead')
        return
    for purpose in profile.purposes:
        if purpose.basis is Basis.LEGAL_OBLIGATION:
            yield Problem(
                place,
                f"the purpose {purpose.name} rests on a legal obligation, which a caller cannot refuse",
                "leave refuse_key out, or write a profile of its own for that purpose",
            )
        if purpose.agree_key == profile.refuse_key:
            yield Problem(
                place,
                f"the key {profile.refuse_key} both refuses and agrees (to {purpose.name})",
                "write another refuse_key, or another agree_key for that purpose",
            )

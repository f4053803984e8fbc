"""Who may see and hear what: the whole table, one line a case."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from asterisk_privacy.access.permission import (
    ACTS,
    MENU,
    OF_THE_OFFICER,
    Act,
    Facts,
    Page,
    Refusal,
    Standing,
    Viewer,
    home,
    may_open,
    purposes_to_hear,
    why_not_do,
    why_not_hear,
    why_not_see,
)
from asterisk_privacy.daemon.review_settings import Role

PURPOSES = {Role.REVIEWER: frozenset({"training"}), Role.INCIDENT_HANDLER: frozenset({"complaint"})}


def viewer(*roles: Role, agents: tuple[str, ...] = (), name: str = "v") -> Viewer:
    return Viewer(name, frozenset(roles), PURPOSES, frozenset(agents))


REVIEWER, HANDLER, OFFICER, AUDITOR = (viewer(role) for role in Role)
BOTH = viewer(Role.REVIEWER, Role.INCIDENT_HANDLER)
NONE = viewer()
AGENT = viewer(Role.REVIEWER, agents=("PJSIP/anna",))

TRAINING = Facts("sealed", ("PJSIP/bert",), ("training",))
COMPLAINT = Facts("sealed", ("PJSIP/bert",), ("complaint",))
MIXED = Facts("sealed", ("PJSIP/bert",), ("training", "complaint"))
PROOF = Facts("sealed", ("PJSIP/bert",), ("proof",))
OBJECTED = Facts("sealed", ("PJSIP/bert",), ())
OWN = Facts("sealed", ("PJSIP/anna",), ("training",))
OWN_IN_CAPITALS = Facts("sealed", ("pjsip/ANNA",), ("training",))
WHOSE = Facts("sealed", (), ("training",))
WRITING = Facts("writing", ("PJSIP/bert",), ("training",))
PURGING = Facts("purging", ("PJSIP/bert",), ("training",))
PURGED = Facts("purged", ("PJSIP/bert",), ("training",))
ERASED = Facts("erased", ("PJSIP/bert",), ("training",))
HELD = Facts("sealed", ("PJSIP/bert",), ("training",), (frozenset({"piet"}),))
HELD_FOR_ME = Facts("sealed", ("PJSIP/bert",), ("training",), (frozenset({"v", "piet"}),))
HELD_TWICE = Facts("sealed", ("PJSIP/bert",), ("training",), (frozenset({"v"}), frozenset({"piet"})))
RESTRICTED = Facts("sealed", ("PJSIP/bert",), ("training",), (), frozenset())
EXCEPTED = Facts("sealed", ("PJSIP/bert",), ("training", "complaint"), (), frozenset({"complaint"}))
ENDED = Facts("sealed", ("PJSIP/bert",), ("complaint",), ended=("training",))
ALL_ENDED = replace(ENDED, purposes=(), ended=("training", "complaint"))
ENDED_HELD_FOR_ME = replace(ALL_ENDED, listeners=(frozenset({"v"}), frozenset({"v", "piet"})))
ENDED_HELD = replace(ALL_ENDED, listeners=(frozenset({"v"}), frozenset({"piet"})))
ENDED_EXCEPTED = replace(ENDED, excepted=frozenset({"training"}))

R = Refusal
HEAR = [
    (REVIEWER, TRAINING, "training", None),
    (REVIEWER, TRAINING, "complaint", R.NOT_SERVED),
    (REVIEWER, COMPLAINT, "complaint", R.UNKNOWN),
    (REVIEWER, COMPLAINT, "training", R.UNKNOWN),
    (REVIEWER, MIXED, "training", None),
    (REVIEWER, MIXED, "complaint", R.NOT_YOURS),
    (REVIEWER, PROOF, "proof", R.UNKNOWN),
    (REVIEWER, OBJECTED, "training", R.UNKNOWN),
    (REVIEWER, TRAINING, "", R.NOT_SERVED),
    (HANDLER, COMPLAINT, "complaint", None),
    (HANDLER, TRAINING, "training", R.UNKNOWN),
    (HANDLER, MIXED, "complaint", None),
    (HANDLER, MIXED, "training", R.NOT_YOURS),
    (BOTH, MIXED, "training", None),
    (BOTH, MIXED, "complaint", None),
    (OFFICER, TRAINING, "training", R.NOT_YOURS),
    (OFFICER, PROOF, "proof", R.NOT_YOURS),
    (AUDITOR, TRAINING, "training", R.UNKNOWN),
    (NONE, TRAINING, "training", R.UNKNOWN),
    (Viewer.root("v"), TRAINING, "training", None),
    (Viewer.root("v"), HELD, "training", R.HELD),
    (Viewer.root("v"), ENDED, "training", R.ENDED),
    (Viewer.without_rights("v", Standing.NOBODY), TRAINING, "training", R.NO_ACCOUNT),
    (AGENT, TRAINING, "training", None),
    (AGENT, OWN, "training", R.OWN),
    (AGENT, OWN_IN_CAPITALS, "training", R.OWN),
    (AGENT, WHOSE, "training", R.OWN),
    (REVIEWER, WHOSE, "training", None),
    (REVIEWER, OWN, "training", None),
    (REVIEWER, WRITING, "training", R.NOT_SEALED),
    (REVIEWER, PURGING, "training", R.GONE),
    (REVIEWER, PURGED, "training", R.GONE),
    (REVIEWER, ERASED, "training", R.GONE),
    (REVIEWER, HELD, "training", R.HELD),
    (REVIEWER, HELD_FOR_ME, "training", None),
    (REVIEWER, HELD_TWICE, "training", R.HELD),
    (REVIEWER, RESTRICTED, "training", R.RESTRICTED),
    (REVIEWER, EXCEPTED, "training", R.RESTRICTED),
    (HANDLER, EXCEPTED, "complaint", None),
    (REVIEWER, ENDED, "training", R.UNKNOWN),
    (BOTH, ENDED, "training", R.ENDED),
    (BOTH, ENDED, "complaint", None),
    (HANDLER, ENDED, "complaint", None),
    (HANDLER, ENDED, "training", R.ENDED),
    (OFFICER, ENDED, "training", R.ENDED),
    (BOTH, ALL_ENDED, "complaint", R.UNKNOWN),
    (BOTH, ENDED_HELD_FOR_ME, "training", None),  # a claim keeps it
    (BOTH, ENDED_HELD, "training", R.UNKNOWN),
    (BOTH, ENDED_EXCEPTED, "training", R.ENDED),
    (BOTH, replace(ENDED, state="purged"), "training", R.GONE),
]


@pytest.mark.parametrize(("who", "what", "purpose", "expected"), HEAR)
def test_hear(who: Viewer, what: Facts, purpose: str, expected: Refusal | None) -> None:
    assert why_not_hear(who, what, purpose) is expected
    assert (purpose in purposes_to_hear(who, what)) == (expected is None)


SEE = [
    (REVIEWER, TRAINING, None),
    (REVIEWER, MIXED, None),
    (REVIEWER, COMPLAINT, R.UNKNOWN),
    (HANDLER, COMPLAINT, None),
    (HANDLER, TRAINING, R.UNKNOWN),
    (OFFICER, TRAINING, None),
    (OFFICER, OBJECTED, None),
    (AUDITOR, TRAINING, R.UNKNOWN),
    (NONE, TRAINING, R.UNKNOWN),
    (AGENT, OWN, R.OWN),
    (viewer(Role.PRIVACY_OFFICER, agents=("PJSIP/anna",)), OWN, R.OWN),
    (REVIEWER, HELD, None),
    (REVIEWER, RESTRICTED, None),
]


@pytest.mark.parametrize(("who", "what", "expected"), SEE)
def test_see(who: Viewer, what: Facts, expected: Refusal | None) -> None:
    assert why_not_see(who, what) is expected


def test_nobody_hears_what_he_may_not_see() -> None:
    """Over every pair of the table."""
    whos, whats = [line[0] for line in HEAR], [line[1] for line in HEAR]
    for who, what in itertools.product(whos, whats):
        if why_not_see(who, what) is not None:
            assert purposes_to_hear(who, what) == ()
        for act in Act:
            if why_not_see(who, what) is not None:
                assert why_not_do(who, what, act) is not None


DO = [
    (REVIEWER, TRAINING, {Act.REVIEWED, Act.LESSON, Act.OBJECTION, Act.DATE}),
    (REVIEWER, MIXED, {Act.REVIEWED, Act.LESSON, Act.OBJECTION, Act.DATE}),
    (REVIEWER, COMPLAINT, set()),
    (HANDLER, COMPLAINT, {Act.CASE, Act.OBJECTION, Act.DATE}),
    (HANDLER, TRAINING, set()),
    (OFFICER, TRAINING, {Act.DATE, Act.OBJECTION, *OF_THE_OFFICER}),
    (OFFICER, PROOF, {Act.DATE, Act.OBJECTION, *OF_THE_OFFICER}),
    (AUDITOR, TRAINING, set()),
    (NONE, TRAINING, set()),
    (AGENT, OWN, set()),
    (REVIEWER, PURGING, set()),
    (REVIEWER, WRITING, set()),
    (viewer(Role.REVIEWER, Role.PRIVACY_OFFICER), COMPLAINT, {Act.DATE, Act.OBJECTION, *OF_THE_OFFICER}),
    (REVIEWER, ENDED, set()),
    (BOTH, ENDED, {Act.CASE, Act.OBJECTION, Act.DATE}),
    (OFFICER, ALL_ENDED, {Act.DATE, Act.OBJECTION, *OF_THE_OFFICER}),
    (OFFICER, replace(PROOF, listeners=(frozenset({"piet"}),)), {Act.DATE, Act.OBJECTION, *OF_THE_OFFICER} - {Act.COPY}),
    (viewer(Role.PRIVACY_OFFICER, agents=("PJSIP/anna",)), OWN, set()),
    (OFFICER, PURGING, OF_THE_OFFICER),
    (Viewer.root("v"), TRAINING, set(Act)),
    (Viewer.root("v"), ALL_ENDED, set(Act)),
    (Viewer.without_rights("v", Standing.NOBODY), TRAINING, set()),
    (REVIEWER, ENDED_HELD_FOR_ME, set()),
]


@pytest.mark.parametrize(("who", "what", "expected"), DO)
def test_do(who: Viewer, what: Facts, expected: set[Act]) -> None:
    assert {act for act in Act if why_not_do(who, what, act) is None} == expected


def test_the_menu_and_each_roles_home() -> None:
    pages = {role: {page for page in Page if may_open(viewer(role), page)} for role in Role}
    assert pages == {
        Role.REVIEWER: {Page.QUEUE},
        Role.INCIDENT_HANDLER: {Page.CASES},
        Role.PRIVACY_OFFICER: {Page.REQUESTS, Page.HOLDS, Page.OVERDUE, Page.REGISTER, Page.AUDIT},
        Role.AUDITOR: {Page.REGISTER, Page.AUDIT},
    }
    assert [home(viewer(role)) for role in Role] == [Page.QUEUE, Page.CASES, Page.REQUESTS, Page.REGISTER]
    assert home(NONE) is None and set(MENU) == set(Page) and set(ACTS) == set(Act)

"""Who may hear what a recording was not made for: every role, purpose, list, restriction, hold and agent, against a rule written anew."""

from __future__ import annotations

import itertools

import pytest

from asterisk_privacy.access.permission import (
    Act,
    Facts,
    Refusal,
    Viewer,
    further_to_hear,
    further_use,
    objectionable,
    purposes_to_hear,
    told_of,
    why_not_do,
    why_not_hear,
    why_not_see,
)
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.policy.further import FurtherUse

NAMES = ("training", "complaint", "proof")
LISTENS = {Role.REVIEWER: frozenset({"training"}), Role.INCIDENT_HANDLER: frozenset({"complaint"})}
ROLES = [frozenset(some) for n in range(3) for some in itertools.combinations(Role, n)]
OWN = [(), ("training",), ("complaint",), ("proof",), ("training", "complaint")]
LISTS = [(), (("training", "complaint"),), (("complaint", "training"),), (("training", "proof"), ("complaint", "proof"))]
STATES = ("sealed", "writing", "purging", "purged")
RESTRICTIONS = (None, frozenset(), frozenset({"complaint"}), frozenset({"training", "complaint"}))
HOLDS = ((), (frozenset({"v"}),), (frozenset({"v"}), frozenset({"piet"})))
WHOSE = (  # the agents of the call, who the viewer is, whether it is (or may be) his own
    (("PJSIP/bert",), (), False),
    (("PJSIP/bert", "PJSIP/carl"), ("PJSIP/anna",), False),
    (("PJSIP/anna",), ("pjsip/ANNA",), True),
    (("PJSIP/bert", "PJSIP/anna"), ("PJSIP/anna",), True),  # to whom it was passed on
    (("PJSIP/bert", "PJSIP/anna", "PJSIP/bert"), ("PJSIP/carl", "anna"), True),
    ((), ("PJSIP/anna",), True),
)


def facts_of(own: tuple[str, ...], pairs: tuple[tuple[str, str], ...], state: str = "sealed", **more: object) -> Facts:
    """`pairs`: (to be heard for, made for)."""
    uses = tuple(FurtherUse(b, a, f"{a} is like {b}") for b, a in pairs if a in own and b not in own)
    return Facts(state, more.pop("agents", ("PJSIP/bert",)), own, further=uses, **more)  # type: ignore[arg-type]


def test_every_role_purpose_list_state_restriction_hold_and_agent() -> None:
    """More than a hundred thousand questions."""
    heard = 0
    for roles, own, pairs, state, excepted, listeners, (spoke, agents, own_call) in itertools.product(
        ROLES, OWN, LISTS, STATES, RESTRICTIONS, HOLDS, WHOSE
    ):
        viewer = Viewer("v", roles, LISTENS, frozenset(agents))
        facts = facts_of(own, pairs, state, excepted=excepted, listeners=listeners, agents=spoke)
        his = {name for role, names in LISTENS.items() if role in roles for name in names}
        listed = {b for b, a in pairs if a in own and b not in own}
        free = state == "sealed" and not own_call and all("v" in named for named in listeners)
        for name in NAMES:
            may = free and name in his and (name in own or name in listed)
            if excepted is not None:
                may = may and name in own and name in excepted
            assert (why_not_hear(viewer, facts, name) is None) == may, (roles, own, pairs, state, name)
            assert (name in purposes_to_hear(viewer, facts)) == (may and name in own)
            assert (name in {use.purpose for use in further_to_hear(viewer, facts)}) == (may and name not in own)
            heard += may and name not in own
        for act in (Act.REVIEWED, Act.LESSON, Act.CASE):
            if why_not_do(viewer, facts, act) is None:
                assert his & set(own), "what it was not made for ends and prolongs nothing"
        if own_call:
            assert why_not_see(viewer, facts) is Refusal.OWN
    assert heard > 60


def viewer(*roles: Role, agents: tuple[str, ...] = ()) -> Viewer:
    return Viewer("v", frozenset(roles), LISTENS, frozenset(agents))


REVIEWER, HANDLER, OFFICER = viewer(Role.REVIEWER), viewer(Role.INCIDENT_HANDLER), viewer(Role.PRIVACY_OFFICER)
BOTH = viewer(Role.REVIEWER, Role.INCIDENT_HANDLER)
COMPLAINT = facts_of(("complaint",), (("training", "complaint"),))
PROOF = facts_of(("proof",), (("training", "proof"), ("complaint", "proof")))
R = Refusal


@pytest.mark.parametrize(
    ("who", "what", "purpose", "expected"),
    [
        (REVIEWER, COMPLAINT, "training", None),
        (REVIEWER, COMPLAINT, "complaint", R.NOT_YOURS),
        (REVIEWER, COMPLAINT, "proof", R.NOT_SERVED),
        (REVIEWER, facts_of(("complaint",), ()), "training", R.UNKNOWN),
        (HANDLER, COMPLAINT, "complaint", None),
        (HANDLER, COMPLAINT, "training", R.NOT_YOURS),
        (HANDLER, facts_of(("training",), (("training", "complaint"),)), "complaint", R.UNKNOWN),
        (OFFICER, COMPLAINT, "training", R.NOT_YOURS),
        (viewer(Role.AUDITOR), COMPLAINT, "training", R.UNKNOWN),
        (viewer(), COMPLAINT, "training", R.UNKNOWN),
        (viewer(Role.REVIEWER, agents=("PJSIP/bert",)), COMPLAINT, "training", R.OWN),
        (REVIEWER, facts_of(("complaint",), (("training", "complaint"),), excepted=frozenset()), "training", R.RESTRICTED),
        (REVIEWER, facts_of(("complaint",), (("training", "complaint"),), excepted=frozenset({"training"})), "training", R.RESTRICTED),
        (REVIEWER, facts_of(("complaint",), (("training", "complaint"),), listeners=(frozenset({"piet"}),)), "training", R.HELD),
    ],
)
def test_why_not(who: Viewer, what: Facts, purpose: str, expected: Refusal | None) -> None:
    assert why_not_hear(who, what, purpose) is expected


def test_the_audit_row_tells_with_what_and_why_and_only_then() -> None:
    assert told_of(COMPLAINT, "training") == {"compatible_with": "complaint", "because": "complaint is like training"}
    assert told_of(COMPLAINT, "complaint") == told_of(COMPLAINT, "x") == told_of(None, "training") == {}
    assert further_use(COMPLAINT, "complaint") is None


def test_he_may_note_the_objection_that_he_hears_and_no_other() -> None:
    assert objectionable(REVIEWER, COMPLAINT) == ("training",) and why_not_do(REVIEWER, COMPLAINT, Act.OBJECTION) is None
    assert objectionable(HANDLER, COMPLAINT) == ("complaint", "training") == objectionable(OFFICER, COMPLAINT)
    assert objectionable(viewer(Role.AUDITOR), COMPLAINT) == ()
    assert objectionable(REVIEWER, PROOF) == ("training",) and objectionable(BOTH, PROOF) == ("training", "complaint")
    for act in (Act.REVIEWED, Act.LESSON, Act.CASE):
        assert why_not_do(REVIEWER, COMPLAINT, act) is R.NOT_YOUR_ACT

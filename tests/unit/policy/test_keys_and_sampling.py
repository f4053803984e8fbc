from __future__ import annotations

from dataclasses import replace

from asterisk_privacy.policy.consent import Choice, Meaning, allowed, meaning_of
from asterisk_privacy.policy.purpose import Basis, Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.policy.sampling import sampled_purposes

PROOF = Purpose("proof", "proof", Basis.CONTRACT, "an order", Trigger.ALWAYS, Days(90))
QUALITY = Purpose("quality", "quality", Basis.CONSENT, "asked", Trigger.ALWAYS, Days(30), agree_key="1")
RESEARCH = replace(QUALITY, name="research")
TRAINING = Purpose("training", "training", Basis.LEGITIMATE_INTEREST, "practice", Trigger.SAMPLE, Days(30), one_in=20)
LINE = Profile("line", "Line", "en", "notice", (PROOF, QUALITY, RESEARCH, TRAINING), "3")


def test_what_a_key_means() -> None:
    assert meaning_of(LINE, "3") == Meaning(Choice.REFUSE, frozenset())
    assert meaning_of(LINE, "1") == Meaning(Choice.AGREE, frozenset({"quality", "research"}))
    assert meaning_of(LINE, "7") == meaning_of(LINE, "") == Meaning(Choice.NONE, frozenset())


def test_without_a_refuse_key_nothing_refuses() -> None:
    assert meaning_of(replace(LINE, refuse_key=None), "").choice is Choice.NONE


def test_should_one_key_mean_both_it_refuses() -> None:
    assert meaning_of(replace(LINE, refuse_key="1"), "1").choice is Choice.REFUSE


def test_silence_leaves_opt_in_off_and_objection_takes_a_purpose_away() -> None:
    assert allowed(LINE, frozenset()) == (PROOF, TRAINING)
    assert allowed(LINE, frozenset({"quality"})) == (PROOF, QUALITY, TRAINING)
    assert allowed(LINE, frozenset({"quality"}), objected=frozenset({"quality", "training"})) == (PROOF,)


def test_the_draw_is_one_number_out_of_n_and_only_for_samples() -> None:
    asked: list[int] = []

    def draw(n: int) -> int:
        asked.append(n)
        return 0

    assert sampled_purposes(LINE, draw) == {"training"}
    assert asked == [20]
    assert [number for number in range(20) if sampled_purposes(LINE, lambda _: number)] == [0]  # noqa: B023

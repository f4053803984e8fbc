"""The copy of GDPR art. 15(3): for each recording its audio, timeline and a place for a transcript; the facts; a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from asterisk_privacy.escaping import printable_json, printable_lines
from asterisk_privacy.policy.phrases import Office
from asterisk_privacy.rights.delivery import Delivery
from asterisk_privacy.rights.facts import Told, as_mapping, as_text, timeline_mapping, timeline_text
from asterisk_privacy.rights.words import WORDS

Stereo = npt.NDArray[np.int16]  # (n, 2)


class Side(IntEnum):
    """Column of the audio."""

    CUSTOMER = 0
    AGENTS = 1


@dataclass(frozen=True, slots=True)
class Wish:
    """How the copy is to be. `whose` is the person's own side: the other is what `mask_other` silences."""

    whose: Side
    mask_other: bool
    language: str
    at: datetime
    office: Office = field(default_factory=Office)


def masked(samples: Stereo, rate: int, whose: Side, own: Sequence[tuple[int, int]] | None = None) -> Stereo:
    """A copy in which only `whose` is heard, and of that only what lies in `own` (milliseconds; None: all of it): on one side there may
    have been several, one after the other. Silence, not a disguise: a changed voice still says what was said."""
    only = np.zeros_like(samples)
    for begin_ms, end_ms in own if own is not None else ((0, len(samples) * 1000 // rate + 1),):
        begin, end = begin_ms * rate // 1000, end_ms * rate // 1000
        only[begin:end, whose] = samples[begin:end, whose]
    return only


Change = Callable[[Stereo, int], Stereo]
"""Of samples at a rate."""


def write(told: Sequence[Told], flac_of: Callable[[Told, Change], bytes], wish: Wish, to: Delivery) -> None:
    """`flac_of(recording, change)` decrypts it in memory, lets `change` have the samples, and returns them as FLAC."""

    def change_of(one: Told) -> Change:
        if not wish.mask_other:
            return lambda samples, _: samples
        return lambda samples, rate: masked(samples, rate, wish.whose, one.own_audio)

    for number, one in enumerate(told, 1):
        folder = f"{number:03}-{one.recorded_at.astimezone():%Y-%m-%d-%H%M}"
        to.put(f"{folder}/audio.flac", flac_of(one, change_of(one)))
        to.put(f"{folder}/timeline.json", _json(timeline_mapping(one)))
        to.put(f"{folder}/timeline.txt", _text(timeline_text(one, wish.language, wish.mask_other)))
        to.put(f"{folder}/transcript.txt", (WORDS[wish.language]["transcript"] + "\n").encode())
    to.put("facts.json", _json(as_mapping(told, wish.at, wish.language, wish.office)))
    to.put("facts.txt", _text(as_text(told, wish.at, wish.language, wish.whose is Side.AGENTS, wish.office)))
    to.finish()


def _json(data: Mapping[str, object] | Sequence[object]) -> bytes:
    return printable_json(data).encode()


def _text(lines: str) -> bytes:
    return printable_lines(lines).encode()

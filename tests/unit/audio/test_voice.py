"""A voice through snoops of an Asterisk that stands still now and then. The snoops are made up, with the habits of the real ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import pytest

from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS, Leg
from asterisk_privacy.audio.quarantine import Quarantine, Times
from asterisk_privacy.audio.voice import Voice

TICKS = 50  # a second
FLUSHED = 25  # frames that wait in Asterisk: with one more all are thrown away


def spoken(number: int) -> bytes:
    """No two frames are alike."""
    return np.random.default_rng(number).integers(1000, 20000, FRAME_SAMPLES).astype("<i2").tobytes()


def number_of(samples: np.ndarray) -> int | None:
    return NUMBERS.get(samples.astype("<i2").tobytes())


NUMBERS = {spoken(n): n for n in range(10_000)}


class Snoop:
    """Sends a frame a tick, zeros where nothing waits; while Asterisk stands still, none. `shift`: samples by which its frames are cut
    elsewhere than the phone's."""

    def __init__(self, shift: int = 0) -> None:
        self.waits: deque[bytes] = deque()
        self.sent: list[tuple[float, bytes]] = []
        self.on = True
        self._rest = bytes(2 * shift)

    def hears(self, frame: bytes) -> None:
        if self.on:
            self.waits.append(frame)
            if len(self.waits) > FLUSHED:
                self.waits.clear()

    def tick(self, now: float) -> None:
        if not self.on:
            return
        frame = self.waits.popleft() if self.waits else bytes(FRAME_BYTES)
        if self._rest:
            whole = self._rest + frame
            frame, self._rest = whole[:FRAME_BYTES], whole[FRAME_BYTES:]
        self.sent.append((now, frame))


class Pbx:
    """One party, heard in pieces of 0.2 s. `still`: ticks in which Asterisk stands still. `late`: ticks in which the phone's packet comes
    with the next one. `gone`: packets that never come."""

    def __init__(
        self,
        still: set[int],
        *,
        late: set[int] = frozenset(),
        gone: set[int] = frozenset(),
        room: bool = True,
        shift: int = 0,
        attach: int = 3,
    ) -> None:  # type: ignore[assignment]
        self.gone = gone
        self.still, self.late, self.room, self.shift, self.attach = still, late, room, shift, attach
        self.quarantine = Quarantine()
        self.stretch = self.quarantine.open(0.0)
        self.missing = 0.0
        self.renewed: list[int] = []
        self.tap, self.second = Snoop(), None
        self.second_from = 0
        self.told: list[np.ndarray] = []
        self.tick = 0
        self.voice = Voice(self._say, self._is_missing, self._beside, self._settled)

    def _say(self, complete_at: float, samples: bytes, here_by: Times) -> None:
        assert len(samples) == FRAME_BYTES * len(here_by)
        self.quarantine.push(self.stretch, Leg.CUSTOMER, "c", complete_at, samples, here_by)

    def _is_missing(self, _at: float, seconds: float) -> None:
        self.missing += seconds

    def _beside(self) -> bool:
        if self.room:
            self.second, self.second_from = Snoop(self.shift), self.tick + self.attach
            self.second.on = False
            self.renewed.append(self.tick)
        return self.room

    def _settled(self, second: bool) -> None:
        if second:
            assert self.second is not None
            self.tap = self.second
        self.second = None

    def hear(self) -> None:
        for snoop in (self.tap, self.second):
            if snoop is not None and snoop.sent:
                sent, snoop.sent = snoop.sent, []
                take = self.voice.take if snoop is self.tap else self.voice.take_second
                take(sent[-1][0], b"".join(frame for _, frame in sent))

    def talk(self, ticks: int, frame: Callable[[int], bytes] = spoken) -> None:
        packets: deque[bytes] = deque()
        for _ in range(ticks):
            now = FRAME_SECONDS * (self.tick + 1)
            if self.tick not in self.gone:
                packets.append(frame(self.tick))
            if self.second is not None and not self.second.on and self.tick >= self.second_from:
                self.second.on = True
            if self.tick not in self.still:
                while packets and self.tick not in self.late:
                    packet = packets.popleft()
                    for snoop in (self.tap, self.second):
                        if snoop is not None:
                            snoop.hears(packet)
                for snoop in (self.tap, self.second):
                    if snoop is not None:
                        snoop.tick(now)
            self.tick += 1
            if self.tick % 10 == 0:
                self.hear()
                self.told += [block for _, block, _ in self.quarantine.release(min(now, self.voice.told_until))]

    def end(self) -> list[int | None]:
        """What is kept, frame by frame: the number of each, None for silence or what is none of them."""
        ended = FRAME_SECONDS * self.tick
        self.quarantine.shut(ended)
        self.hear()
        self.voice.end()
        self.told += [block for _, block, _ in self.quarantine.release(ended + 9)]
        column = np.concatenate(self.told)[:, Leg.CUSTOMER.value].reshape(-1, FRAME_SAMPLES)
        assert len(column) == self.tick
        return [number_of(samples) for samples in column]


def stalls(*begins: int, ticks: int = 5) -> set[int]:
    return {tick for begin in begins for tick in range(begin, begin + ticks)}


def test_nothing_happens_to_a_voice_that_comes_in_time() -> None:
    pbx = Pbx(set())
    pbx.talk(200)
    assert pbx.end() == list(range(200)) and (pbx.missing, pbx.renewed) == (0.0, [])


@pytest.mark.parametrize("begin", range(100, 111))
def test_a_tenth_of_a_second_costs_no_frame_and_leaves_no_hole(begin: int) -> None:
    """Each frame in its place, however Asterisk's pause lies to our reading; the late tap is gone soon."""
    pbx = Pbx(stalls(begin))
    pbx.talk(250)
    assert pbx.end() == list(range(250))
    assert (pbx.missing, len(pbx.renewed)) == (0.0, 1)


def test_eight_of_them() -> None:
    pbx = Pbx(stalls(*range(100, 2100, 250)))
    pbx.talk(2200)
    assert pbx.end() == list(range(2200))
    assert (pbx.missing, len(pbx.renewed)) == (0.0, 8)


@pytest.mark.parametrize("begin", range(100, 111, 3))
def test_half_a_second_is_lost_where_it_was_said_and_told(begin: int) -> None:
    """Asterisk throws away what waits. What was said after it is in its place all the same."""
    pbx = Pbx(stalls(begin, ticks=27))
    pbx.talk(300)
    kept = pbx.end()
    assert [n for n, number in enumerate(kept) if number not in (n, None)] == []
    lost = [n for n, number in enumerate(kept) if number is None]
    assert lost and lost == list(range(lost[0], lost[-1] + 1)) and begin <= lost[0] and lost[-1] <= begin + 27
    assert pbx.missing == pytest.approx(FRAME_SECONDS * len(lost))


def test_thrown_away_while_the_second_is_there_already() -> None:
    """Nothing that the second has is lost, though it is late itself: Asterisk stood still as it began."""
    pbx = Pbx(stalls(100, ticks=20) | stalls(125, ticks=7), attach=2)
    pbx.talk(300)
    kept = pbx.end()
    assert [n for n, number in enumerate(kept) if number is not None and abs(number - n) > 3] == []
    assert pbx.missing == pytest.approx(FRAME_SECONDS * kept.count(None))
    assert kept.count(None) <= 27


@pytest.mark.parametrize("end", range(114, 150))
def test_hung_up_whatever_the_two_taps_are_at(end: int) -> None:
    """The late tap has not said the last tenth of a second; what the second has of it is kept."""
    pbx = Pbx(stalls(100))
    pbx.talk(end)
    kept = pbx.end()
    assert [n for n, number in enumerate(kept) if number is not None and abs(number - n) > 3] == []
    assert kept.count(None) <= 6
    if end > 130:
        assert kept == list(range(end))


def test_packets_that_come_late_leave_no_hole_in_a_word() -> None:
    """Asterisk sends zeros, and the packet's sound after them: from then on all comes later, although frames come as ever."""
    pbx = Pbx(set(), late={103, 116, 117, 141, 142, 143, 160})
    pbx.talk(400)
    kept = pbx.end()
    assert kept[:395] == list(range(395))
    assert pbx.missing == 0 and 1 <= len(pbx.renewed) <= 3


def test_packets_that_are_lost_are_holes_and_not_worth_many_taps() -> None:
    """One in fifty, for two minutes. What the zeros mean is looked at now and then only."""
    gone = set(range(40, 6000, 50))
    pbx = Pbx(set(), gone=gone)
    pbx.talk(6000)
    kept = pbx.end()
    assert [n for n, number in enumerate(kept) if number is not None and abs(number - n) > 3] == []
    assert {n for n in range(6000) if n not in set(kept)} == gone
    assert len(pbx.renewed) <= 6


def test_a_phone_that_is_silent_between_words_is_left_in_peace() -> None:
    pbx = Pbx(set())
    pbx.talk(1000, lambda n: spoken(n) if n % 50 < 40 else bytes(FRAME_BYTES))
    assert pbx.end() == [n if n % 50 < 40 else None for n in range(1000)]
    assert pbx.renewed == []


def test_zeros_in_which_a_sound_ends_or_begins_are_its_own() -> None:
    fade = spoken(1)[: FRAME_BYTES - 40] + bytes(40)
    pbx = Pbx(set())
    pbx.talk(400, lambda n: {8: fade, 9: bytes(FRAME_BYTES)}.get(n % 10, spoken(n)))
    kept = pbx.end()
    assert all(kept[n] == n for n in range(400) if n % 10 < 8) and pbx.renewed == []


def test_no_room_for_a_second_tap() -> None:
    """Late, but whole and in its place."""
    pbx = Pbx(stalls(100, 200), room=False)
    pbx.talk(300)
    kept = pbx.end()
    assert kept[:290] == list(range(290))


def test_frames_that_are_cut_elsewhere() -> None:
    """A phone with packets of 30 ms: the second tap's frames begin in the middle of the first one's."""
    pbx = Pbx(stalls(100), shift=80)
    pbx.talk(250)
    kept = pbx.end()
    assert kept[:110] == list(range(110)) and None not in kept[:-2]


def test_a_voice_of_which_all_sounds_alike() -> None:
    """A tone, or silence: nothing tells where the two meet, so the clock does."""
    for sound in (spoken(7), bytes(FRAME_BYTES)):
        pbx = Pbx(stalls(100))
        pbx.talk(300, lambda _, sound=sound: sound)
        kept = pbx.end()
        assert kept[:295].count(None) == (0 if any(sound) else 295)
        assert (pbx.missing, len(pbx.renewed)) == (0.0, 1)
        assert pbx.second is None


def test_what_came_after_an_end_is_not_kept_however_early_its_place() -> None:
    pbx = Pbx(stalls(100))
    pbx.talk(108)
    ended = FRAME_SECONDS * 106
    pbx.quarantine.shut(ended)
    pbx.talk(0)
    pbx.hear()
    pbx.voice.end()
    pbx.told += [block for _, block, _ in pbx.quarantine.release(9.0)]
    column = np.concatenate(pbx.told)[:, 0].reshape(-1, FRAME_SAMPLES)
    assert [number_of(samples) for samples in column] == [*range(101), None, None, None, None, None]

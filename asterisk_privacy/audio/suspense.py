"""Holds that nobody tells the PBX of (R15): the agent's phone holds by itself and sends dead silence or its own music.

What is said meanwhile must not be kept, and it takes some seconds to be sure. So audio that may belong to such a hold is held back in
memory, in front of the ring and the file, until it is decided: then all of it is forgotten from the hold's begin on, or all of it goes on.
Nothing ever has to be taken out of a file.

Dead: no sample of the agent's leg louder than `DEAD_PEAK`. A person who listens is never that quiet (a room, a breath, comfort noise);
a phone that holds, mutes, or sends nothing is. Music: loud, tonal, and without the pauses of speech.

A phone that is dead silent between words (audio/pauses.py) is so while its user listens. Once that is known, its silence is no hold, unless
it lasts longer than somebody listens without a sound.

A frame that never came is dead where a hold is in question: a phone that holds may send nothing. It is no pause between words or in music.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asterisk_privacy.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Leg
from asterisk_privacy.audio.levels import DEAD_PEAK
from asterisk_privacy.audio.pauses import Pauses
from asterisk_privacy.audio.quarantine import Came

Block = npt.NDArray[np.int16]

LOUD_DB = -38.0  # below full scale; what goes on behind a listening agent is quieter than music that is meant to be heard
PAUSE_DB = 25.0  # below the loudest: a pause
PAUSES = 0.03  # most share of pauses in music; in speech it is a quarter and more
FLAT = 0.25  # spectral flatness: a tone 0, speech and music below 0.2 in voiced frames, white noise 0.56
LONGEST_LISTENING_SECONDS = 60.0
"""Without a word or a breath, of a phone that is dead silent between words. From there on it counts as a hold."""
MOST_LOST = 4  # frames of zeros on end in music that say nothing; a phone that is silent between words is so for longer
SHORT = 50  # frames after which a window that was no music is looked at again, or that show that music is over


_WINDOW = np.hanning(FRAME_SAMPLES)


@dataclass(frozen=True, slots=True)
class SilentHold:
    """Forgotten from `since` until `until`, seconds on the daemon's clock."""

    since: float
    until: float
    music: bool


@dataclass(slots=True)
class _Frame:
    began: float
    samples: Block  # (FRAME_SAMPLES, 2)
    dead: bool
    level: float
    came: bool
    _flatness: float | None = None

    @property
    def flatness(self) -> float:
        """Looked at only where a hold of music is in question: a spectrum costs more than all the rest."""
        if self._flatness is None:
            agent = self.samples[:, Leg.AGENT.value].astype(np.float64)
            power = np.square(np.abs(np.fft.rfft(agent * _WINDOW)))[2:] + 1.0
            self._flatness = float(np.exp(np.mean(np.log(power))) / np.mean(power))
        return self._flatness


class Suspense:
    """One call's. `dead_seconds` and `music_seconds`: how long until it counts as a hold; 0 switches that off. What `take` and `flush`
    return may be kept; `holds` collects what was decided, the last one when it has ended. Blocks are taken over: what is forgotten is
    zeroed."""

    def __init__(self, dead_seconds: float, music_seconds: float) -> None:
        self._most_dead = round(dead_seconds / FRAME_SECONDS)
        self._most_listening = max(self._most_dead, round(LONGEST_LISTENING_SECONDS / FRAME_SECONDS))
        self._window = round(music_seconds / FRAME_SECONDS)
        self._held: deque[_Frame] = deque()
        self._pauses: deque[float] = deque()  # begins of held frames that are pauses
        self._dead = 0
        self._absent = 0  # frames on end that never came
        self._zeros = 0  # frames on end that are dead, in a hold of music
        self._loudest = LOUD_DB
        self._between_words = Pauses()
        self.sure = True
        """Whether what was learned of the phone is believed. Whoever hears zeros for what a network lost finds that out first."""
        self._hold: tuple[float, bool] | None = None  # since when; of music?
        self._recent: deque[bool] = deque(maxlen=SHORT)  # in a hold of music: was it music
        self._end = 0.0  # of what came last
        self.holds: list[SilentHold] = []
        self.seen = 0

    @property
    def on(self) -> bool:
        return bool(self._most_dead or self._window)

    @property
    def dead_between_words(self) -> bool:
        """It is known that this phone is, and its silence is taken for no hold."""
        return self.sure and self._between_words.dead

    @property
    def pauses_found(self) -> int:
        """On end, in which this phone seemed to be dead silent; `ENOUGH` of them are believed."""
        return self._between_words.found

    def another_phone(self) -> None:
        """What comes from now on is another agent's."""
        self.forget_pauses()

    def forget_pauses(self) -> None:
        """They may not have been the phone's."""
        self._between_words.forget()

    def take(self, began: float, block: Block, came: Came | None = None) -> list[tuple[float, Block]]:
        """`block`: whole frames of one stretch, shape (n, 2), in order. Another stretch begins where the last one does not go on. `came`:
        which of the agent's frames did; None: all."""
        if not self.on:
            return [(began, block)]
        out = [] if abs(began - self._end) < FRAME_SECONDS / 2 else self.flush()
        self._end = began + len(block) / FRAME_SAMPLES * FRAME_SECONDS
        for frame in _frames(began, block, came):
            out += self._next(frame)
        return _joined(out)

    def flush(self) -> list[tuple[float, Block]]:
        """The stretch is over: what was not decided to be a hold was none."""
        self._end_hold(self._end)
        return self._release(len(self._held))

    def wipe(self) -> None:
        for frame in self._held:
            frame.samples.fill(0)
        self._release(len(self._held))

    def _next(self, frame: _Frame) -> list[tuple[float, Block]]:
        if self._hold is not None:
            if not self._lives(frame):
                frame.samples.fill(0)
                return []
            self._end_hold(frame.began)
        if frame.came:
            self._between_words.take(frame.dead, word=not frame.dead and frame.level >= max(LOUD_DB, self._loudest - PAUSE_DB))
        self._held.append(frame)
        self._dead = self._dead + 1 if frame.dead else 0
        if self._most_dead and self._dead >= (self._most_listening if self.dead_between_words else self._most_dead):
            self._begin_hold(self._dead, music=False)
            return self._release(len(self._held))
        return self._listen_for_music(frame)

    def _lives(self, frame: _Frame) -> bool:
        if self._hold is not None and not self._hold[1]:
            return not frame.dead
        self._zeros = self._zeros + 1 if frame.dead else 0
        if not frame.came or 0 < self._zeros <= MOST_LOST:  # a snoop has zeros for packets that were lost
            return False
        self._recent.append(frame.level >= self._loudest - PAUSE_DB and frame.flatness < FLAT)
        return self._recent.count(False) > max(2, SHORT // 8)

    def _listen_for_music(self, frame: _Frame) -> list[tuple[float, Block]]:
        self._loudest = max(frame.level, self._loudest - 0.05, LOUD_DB)
        self._absent = 0 if frame.came else self._absent + 1
        lost = 0 < self._absent <= SHORT
        if not self._window or (not lost and (frame.dead or frame.level < max(LOUD_DB, self._loudest - PAUSE_DB))):
            self._pauses.append(frame.began)
        out: list[tuple[float, Block]] = []
        most = round(self._window * PAUSES)
        while len(self._pauses) > most and not self._frozen(self._pauses[0]):
            first = self._pauses.popleft()
            out += self._release(sum(1 for f in self._held if f.began <= first))
        if self._window and len(self._held) >= self._window and self._dead == 0:
            there = [f for f in self._held if f.came]  # the last of them is no dead one
            levels = np.array([f.level for f in there])
            pauses = np.sum(levels < max(LOUD_DB, levels.max() - PAUSE_DB))
            few_pauses = pauses <= PAUSES * len(self._held) and 2 * len(there) > len(self._held)
            if few_pauses and float(np.median([f.flatness for f in there])) < FLAT:
                self._loudest = float(levels.max())
                self._begin_hold(len(self._held), music=True)
                return out
            out += self._release(SHORT)
        return out

    def _frozen(self, began: float) -> bool:
        """Of a silence that may still become a hold nothing is let go."""
        return bool(self._most_dead and self._dead and began >= self._held[-self._dead].began)

    def _begin_hold(self, frames: int, music: bool) -> None:
        """The newest `frames` of those held back are its first."""
        gone = [self._held.pop() for _ in range(frames)]
        for frame in gone:
            frame.samples.fill(0)
        self._hold = gone[-1].began, music
        self._between_words.forget()  # and in it nothing is learned of its user's pauses
        self._recent.clear()
        self._zeros = 0
        self._dead = 0
        self._pauses = deque(p for p in self._pauses if p < gone[-1].began)
        self.seen += 1

    def _end_hold(self, at: float) -> None:
        if self._hold is not None:
            self.holds.append(SilentHold(self._hold[0], at, self._hold[1]))
            self._hold = None

    def _release(self, count: int) -> list[tuple[float, Block]]:
        free = [self._held.popleft() for _ in range(min(count, len(self._held)))]
        if not self._held:
            self._pauses.clear()
            self._dead = 0
        elif free:
            while self._pauses and self._pauses[0] <= free[-1].began:
                self._pauses.popleft()
        return [(f.began, f.samples) for f in free]


def _frames(began: float, block: Block, came: Came | None) -> list[_Frame]:
    frames = block.reshape(-1, FRAME_SAMPLES, 2)
    agent = frames[:, :, Leg.AGENT.value].astype(np.float32)
    dead = (np.abs(agent).max(axis=1) <= DEAD_PEAK).tolist()
    level = (10 * np.log10(np.maximum(np.mean(np.square(agent / 32768), axis=1), 1e-9))).tolist()
    there = [True] * len(frames) if came is None else came.tolist()
    return [_Frame(began + n * FRAME_SECONDS, frames[n], dead[n], level[n], there[n]) for n in range(len(frames))]


def _joined(parts: list[tuple[float, Block]]) -> list[tuple[float, Block]]:
    """Neighbours as one block."""
    runs: list[tuple[float, list[Block]]] = []
    end = 0.0
    for began, samples in parts:
        if runs and abs(began - end) < FRAME_SECONDS / 2:
            runs[-1][1].append(samples)
        else:
            runs.append((began, [samples]))
        end = began + len(samples) / FRAME_SAMPLES * FRAME_SECONDS
    whole: list[tuple[float, Block]] = []
    for began, samples_of in runs:
        joined = np.concatenate(samples_of) if len(samples_of) > 1 else samples_of[0].copy()
        for samples in samples_of:
            samples.fill(0)
        whole.append((began, joined))
    return whole

"""Whether a phone is dead silent between words. RAM only.

Some phones send nothing in pauses (VAD, DTX), or exact zeros (a noise gate). Their user who listens sounds as a phone that holds. Others
let a room be heard in each pause. Which of the two a phone does is learned from its own pauses; until then it counts as the others do.
What never came teaches nothing: a network that loses packets says nothing of a phone.
"""

from __future__ import annotations

from typing import Final

SHORTEST: Final = 15
"""Frames. A pause in talk; below it are the gaps inside words, and what a network loses."""
LONGEST: Final = 100
"""Frames, two seconds. Who is silent for longer in mid-talk may have muted or held."""
LEAST_DEAD: Final = 8
"""Frames of it that are dead. A gate closes a little after the word."""
ENOUGH: Final = 3
"""Such pauses on end. Who presses mute lets the room be heard in between."""


class Pauses:
    """`dead`: it is known that this phone is dead silent between words."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Another phone."""
        self._spoke = False
        self._dead = self._alive = 0  # frames of the present pause
        self.found = 0  # dead pauses on end

    @property
    def dead(self) -> bool:
        return self.found >= ENOUGH

    def take(self, dead: bool, word: bool) -> None:
        """A frame that came: exact silence, a word, or neither."""
        if not word:
            self._dead += dead
            self._alive += not dead
            if self._alive >= SHORTEST:
                self.found = 0
            return
        if self._spoke and self._dead >= LEAST_DEAD and self._alive < SHORTEST <= self._dead + self._alive <= LONGEST:
            self.found += 1
        self._spoke = True
        self._dead = self._alive = 0

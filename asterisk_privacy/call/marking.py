"""From here, to here: which parts of a call the agent marks, and whether they are kept (R10)."""

from __future__ import annotations

from math import inf

from asterisk_privacy.call import commands as cmd
from asterisk_privacy.call.chronicle import Chronicle
from asterisk_privacy.call.timeline import MarkKind, SpanKind, marked_only
from asterisk_privacy.call.wishes import Wishes


class Marking:
    """`open`: from-here was pressed, to-here not yet. `kept`: purposes of the file of marked parts, once it is asked for."""

    def __init__(self, began_at: float, wishes: Wishes, chronicle: Chronicle) -> None:
        self._began_at = began_at
        self._wishes = wishes
        self._chronicle = chronicle
        self._at = -inf  # the newest from-here or to-here
        self.open = False
        self.kept: tuple[str, ...] = ()

    def from_here(self, at: float) -> list[cmd.Command]:
        """Pressed twice it is confirmed twice: everything since the first time is marked."""
        if self.open:
            return []
        self.open = True
        return [cmd.From(self._mark(MarkKind.FROM, at))]

    def to_here(self, at: float) -> list[cmd.Command]:
        self.open = False
        return [cmd.To(self._mark(MarkKind.TO, at))]

    def _mark(self, kind: MarkKind, at: float) -> float:
        self._at = max(at, self._at)
        self._chronicle.mark(kind, self._at)
        return self._began_at + round((self._at - self._began_at) * 1000) / 1000  # as the timeline tells it

    def to_keep(self) -> tuple[str, ...]:
        """Purposes for which the marked parts must be kept now; none if there are none, or if they were asked for before."""
        if self.kept or not self._wishes.marked() or not any(s.kind is SpanKind.TALK for s in marked_only(*self._chronicle.told())):
            return ()
        self.kept = self._wishes.marked()
        return self.kept

    def object(self, new: frozenset[str], could_mark: bool, why: str) -> list[cmd.Command]:
        """The customer objected to the purposes `new`; `could_mark`: whether there was one for marked parts before."""
        gone, self.kept = tuple(p for p in self.kept if p in new), tuple(p for p in self.kept if p not in new)
        if could_mark and not self._wishes.marked():
            self.open = False
            return [cmd.EraseMarked(why)]
        return [cmd.DropPurposes(gone, True, why)] if gone else []

    def forget(self) -> None:
        self.kept, self.open = (), False

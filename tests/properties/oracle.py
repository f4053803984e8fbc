"""What is conversation, told a second time and independently of the switchboard: people in rooms, no channels, bridges or Local halves."""

from __future__ import annotations

from bisect import bisect_right

from scenarios.world import CALLER

NOBODY: frozenset[str] = frozenset()


class Truth:
    """Fed in order of time. `heard_by(t)`: whose voices may be kept at `t`."""

    def __init__(self) -> None:
        self.company: set[str] | None = None  # with the caller in a room where people hear each other; None: no such room
        self.holds: dict[str, set[str]] = {}
        self.strangers: set[str] = set()  # who are no agents, and refused or were not told of what this call is kept for
        self.told: dict[str, bool] = {}  # other customers who were; whether their call is older, and has the recording
        self.refusers: set[str] = set()  # who were told, and refused afterwards
        self.announced = self.refused = self.hushed = self.gone = False
        self.wiped_at = 0.0
        self.withdrawn_at = 0.0  # what was kept before may be gone: somebody in it refused
        self._times = [0.0]
        self._heard = [NOBODY]

    def _now(self) -> frozenset[str]:
        if not self.announced or self.refused or self.hushed or self.gone or not self.company:
            return NOBODY
        theirs = self.company & self.told.keys()
        if self.company & self.strangers or self.company == theirs or any(self.told[c] for c in theirs):
            return NOBODY  # a stranger hears them; customers wait for somebody of ours; it is in the other's recording
        present = self.company | {CALLER}
        return NOBODY if any(self.holds.get(p) for p in present) else frozenset(present)

    def note(self, at: float) -> None:
        self._times.append(at)
        self._heard.append(self._now())

    def moved(self, who: str) -> None:
        """Transfers by Asterisk's own codes end when somebody changes rooms; a phone's hold does not."""
        self.holds.get(who, set()).discard("feature")

    def intervals(self) -> list[tuple[float, float, frozenset[str]]]:
        ends = [*self._times[1:], float("inf")]
        joined: list[tuple[float, float, frozenset[str]]] = []
        for begin, end, heard in zip(self._times, ends, self._heard, strict=True):
            if joined and joined[-1][2] == heard:
                joined[-1] = (joined[-1][0], end, heard)
            elif end > begin:
                joined.append((begin, end, heard))
        return joined

    def fits(self, channel: str, begin: float, end: float) -> bool:
        """Whether a frame may be kept."""
        if channel in self.refusers:
            return False
        if self.refused or begin < self.wiped_at - 1e-6:
            return False
        first = bisect_right(self._times, begin + 1e-6) - 1
        last = bisect_right(self._times, end - 1e-6) - 1
        return all(channel in self._heard[i] for i in range(first, last + 1))

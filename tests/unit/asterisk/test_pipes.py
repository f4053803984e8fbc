"""The capture through pipes: real FIFOs, AMI as a peer that does with them what MixMonitor does."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from ami_double import Fields, ToyAmi, connected, error, success

from asterisk_privacy.asterisk.ari_events import Channel
from asterisk_privacy.asterisk.pipe_pair import CAPACITY
from asterisk_privacy.asterisk.pipes import CURE_SECONDS, PipeCapture, variable_of
from asterisk_privacy.asterisk.taps import Tap
from asterisk_privacy.audio.frames import FRAME_BYTES, Leg

VARIABLE = variable_of("recorder")


class Mixer(ToyAmi):
    """MixMonitor as far as it is seen from here: opens the FIFOs with O_CREAT, writes what `say` says, hands over the rest when stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.mixes: dict[str, list[int]] = {}
        self.variables: dict[str, str] = {}
        self.began_at: list[float] = []
        self.ended_at: list[float] = []
        self.rest = b""
        self.replies |= {"MixMonitor": self._begin, "StopMixMonitor": self._end, "Getvar": self._get, "Setvar": self._set}

    def _begin(self, fields: Fields) -> bytes:
        options = fields["options"]
        assert options.endswith(f"i({VARIABLE})")
        paths = options.removeprefix("r(").removesuffix(f")i({VARIABLE})").split(")t(")
        mix = f"0x{len(self.began_at):x}"
        self.mixes[mix] = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o600) for path in paths]
        self.variables[fields["channel"]] = mix
        self.began_at.append(time.monotonic())
        return success(fields, MixMonitorID=mix)

    def _end(self, fields: Fields) -> bytes:
        fds = self.mixes.pop(fields["mixmonitorid"], None)
        if fds is None:
            return error(fields, "No such MixMonitor")
        self.ended_at.append(time.monotonic())
        for fd in fds:
            os.write(fd, self.rest)
            os.close(fd)
        return success(fields)

    def _get(self, fields: Fields) -> bytes:
        ours = fields["variable"] == VARIABLE
        return success(fields, Value=self.variables.get(fields["channel"], "") if ours else "")

    def _set(self, fields: Fields) -> bytes:
        self.variables[fields["channel"]] = fields["value"]
        return success(fields)


class Heard:
    """One tap, and what it told."""

    def __init__(self, capture: PipeCapture, channel: str = "c1") -> None:
        self.frames = {Leg.CUSTOMER: 0, Leg.AGENT: 0}
        self.ended = 0
        self.told = 0
        (hearing,) = capture.plan(channel, ["anna"]).hearings
        self.tap: Tap = capture.attach(hearing, self._sink, self._over)

    def _sink(self, leg: Leg, _at: float, frames: bytes) -> None:
        self.frames[leg] += len(frames) // FRAME_BYTES

    def _over(self) -> None:
        self.ended += 1

    def stop(self) -> None:
        self.tap.stop(self._stopped)

    def _stopped(self) -> None:
        self.told += 1


@asynccontextmanager
async def site(directory: Path, mixer: Mixer) -> AsyncIterator[tuple[PipeCapture, list[str]]]:
    alarms: list[str] = []
    async with connected(mixer, ask_seconds=0.5) as ami:
        capture = PipeCapture(ami, directory, "recorder", alarms.append)
        await capture.sweep(())
        try:
            yield capture, alarms
        finally:
            await capture.drained()
            capture.close()
    assert left(directory) == []


def left(directory: Path) -> list[str]:
    return os.listdir(directory)


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(3):
        while not done():
            await asyncio.sleep(0.002)


async def test_stopped_by_its_own_id_and_the_tail_comes_before_it_is_told(tmp_path: Path) -> None:
    mixer = Mixer()
    mixer.rest = bytes(7 * FRAME_BYTES)
    async with site(tmp_path, mixer) as (capture, alarms):
        heard = Heard(capture)
        await until(lambda: mixer.mixes)
        heard.stop()
        assert heard.told == 0
        await until(lambda: heard.told)
        assert heard.frames == {Leg.CUSTOMER: 7, Leg.AGENT: 7} and heard.ended == 0
        await capture.drained()
        assert left(tmp_path) == []
    assert mixer.of("StopMixMonitor")[0]["mixmonitorid"] == "0x0" and mixer.variables == {"c1": ""}
    assert alarms == []


async def test_dropped_nothing_of_its_tail_is_told(tmp_path: Path) -> None:
    mixer = Mixer()
    mixer.rest = bytes(7 * FRAME_BYTES)
    async with site(tmp_path, mixer) as (capture, _):
        heard = Heard(capture)
        await until(lambda: mixer.mixes)
        heard.tap.drop()
        await capture.drained()
        assert heard.frames == {Leg.CUSTOMER: 0, Leg.AGENT: 0} and heard.ended == 0
        assert mixer.mixes == {} and left(tmp_path) == []


async def test_a_fifo_stays_until_asterisk_has_closed_it(tmp_path: Path) -> None:
    mixer = Mixer()
    async with site(tmp_path, mixer) as (capture, _):
        heard = Heard(capture)
        await until(lambda: mixer.mixes)
        mixer.replies["StopMixMonitor"] = success  # says so, and closes later, as a thread does that had not come to opening it
        heard.stop()
        await until(lambda: mixer.of("Setvar"))
        assert len(left(tmp_path)) == 2 and heard.told == 0
        for fd in mixer.mixes.pop("0x0"):
            os.close(fd)
        await until(lambda: heard.told)
        assert left(tmp_path) == []


async def test_a_fresh_one_waits_until_the_channel_was_without(tmp_path: Path) -> None:
    """A hook that is put on before a frame has passed without any stays deaf (facts 11.4)."""
    mixer = Mixer()
    async with site(tmp_path, mixer) as (capture, _):
        heard = Heard(capture)
        await until(lambda: mixer.mixes)
        heard.tap.drop()
        again = Heard(capture)
        await until(lambda: len(mixer.began_at) == 2)
        assert mixer.began_at[1] - mixer.ended_at[0] >= CURE_SECONDS - 0.001
        again.stop()


async def test_refused_or_gone_it_ends(tmp_path: Path) -> None:
    mixer = Mixer()
    mixer.replies["MixMonitor"] = lambda fields: error(fields, "Channel not found")
    async with site(tmp_path, mixer) as (capture, alarms):
        heard = Heard(capture)
        await until(lambda: heard.ended)
        assert (capture.failed, capture.usable, alarms) == (1, True, [])
        mixer.hang_up()
        await until(lambda: not capture.usable)
        heard = Heard(capture)
        await until(lambda: heard.ended)
        await until(lambda: capture.usable)


async def test_whether_it_began_is_not_known_then_it_is_looked_for(tmp_path: Path) -> None:
    mixer = Mixer()
    mixer.replies["MixMonitor"] = lambda fields: mixer._begin(fields)[:0]
    async with site(tmp_path, mixer) as (capture, _):
        heard = Heard(capture)
        await until(lambda: heard.ended)
        await until(lambda: not mixer.mixes)
        assert mixer.of("StopMixMonitor")[-1]["mixmonitorid"] == "0x0"


async def test_what_a_dead_daemon_left_is_ended_by_its_id_and_others_are_not(tmp_path: Path) -> None:
    mixer = Mixer()
    mixer.variables = {"c1": "0xdead"}
    mixer.mixes = {"0xdead": [], "0xadmin": []}
    async with connected(mixer) as ami:
        channels = [Channel(name, f"PJSIP/{name}", "Up") for name in ("c1", "c2")]
        assert await PipeCapture(ami, tmp_path, "another", lambda _why: None).sweep(channels) == 0
        capture = PipeCapture(ami, tmp_path, "recorder", lambda _why: None)
        assert await capture.sweep(channels) == 1
        assert list(mixer.mixes) == ["0xadmin"] and mixer.variables["c1"] == ""
        assert await capture.sweep(channels) == 0


async def test_a_pipe_that_was_full_is_ended_and_not_told(tmp_path: Path) -> None:
    mixer = Mixer()
    async with site(tmp_path, mixer) as (capture, _):
        heard = Heard(capture)
        await until(lambda: mixer.mixes)
        for fd in mixer.mixes["0x0"]:
            os.write(fd, bytes(CAPACITY))
        await until(lambda: heard.ended)
        await until(lambda: not mixer.mixes)
        assert heard.frames[Leg.CUSTOMER] == 0


async def test_a_file_among_the_pipes_is_destroyed_and_ends_all(tmp_path: Path) -> None:
    mixer = Mixer()
    async with site(tmp_path, mixer) as (capture, alarms):
        heard = Heard(capture)
        await until(lambda: mixer.mixes)
        (tmp_path / "voices.sln").write_bytes(b"in clear")
        await until(lambda: heard.ended)
        assert not (tmp_path / "voices.sln").exists()
        assert not capture.usable and len(alarms) == 1
        await until(lambda: not mixer.mixes)


async def test_a_stream_that_asterisk_writes_elsewhere_is_ended_for_good(tmp_path: Path) -> None:
    """cache_record_files: the FIFO is opened and closed, and the audio goes to a disk."""
    mixer = Mixer()

    def cached(fields: Fields) -> bytes:
        answer = mixer._begin(fields)
        for fd in mixer.mixes["0x0"]:
            os.close(fd)
        mixer.mixes["0x0"] = []
        return answer

    mixer.replies["MixMonitor"] = cached
    async with site(tmp_path, mixer) as (capture, alarms):
        heard = Heard(capture)
        await until(lambda: heard.ended)
        await until(lambda: alarms)
        assert not capture.usable and mixer.mixes == {}

"""What a restart must not forget: whose voices are in a recording, and consent that was given on half of a Local channel."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
from between_daemons import ALWAYS, BOTH, NAMES, Pbx, heard_behind_a_local_channel
from whole_daemon import POLICY, installed

from asterisk_privacy.asterisk import ari_snapshots as snap
from asterisk_privacy.asterisk.ari import Announced, Reading
from asterisk_privacy.asterisk.reminders import CallReminders
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.situation import Consent, Life
from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.runner import CallRunner
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State


@pytest.fixture
def asterisk(tmp_path: Path) -> Pbx:
    return Pbx(installed(tmp_path, POLICY + ALWAYS, "[keys]\ngrace_seconds = 1\n"))


@pytest.mark.parametrize("half", [True, False], ids=["that is still there", "that is gone"])
async def test_consent_behind_a_local_channel_outlives_two_daemons(asterisk: Pbx, half: bool) -> None:
    async with asterisk.daemon():
        call = await heard_behind_a_local_channel(asterisk)
        memory = asterisk.call_of("cora").memory
        assert memory.consent == "notice"
    assert list(asterisk.announced) == ["cora"]
    if half:  # with what FastAGI answered
        first = asterisk.reminders.write("line", replace(memory, consent=""))
        asterisk.announced = {"line": Announced(first, "notice", heard=(memory.notice,)), **asterisk.announced}
    for _ in range(2):
        async with asterisk.daemon():
            runner = asterisk.call_of("cora")
            assert runner.call_id == call and runner.recorder.situation.consent is Consent.HEARD
            await asyncio.sleep(0.02)  # its link is restored
            assert runner.recorder.situation.life is Life.LIVE


async def test_a_refusal_behind_a_local_channel_outlives_two_daemons(asterisk: Pbx) -> None:
    async with asterisk.daemon():
        call = asterisk.asks("line")
        asterisk.joins("front", "outer")
        asterisk.notice("line", call, "begin")
        asterisk.joins("cora", "outer")
        asterisk.chooses("line", call, "3")
    for _ in range(2):
        async with asterisk.daemon():
            assert asterisk.call_of("cora").recorder.situation.consent is Consent.REFUSED


async def notice_behind_a_local_channel(asterisk: Pbx, own: str = "") -> str:
    """It plays still. `own`: the line of a call that the customer has already. Returns that of the notice."""
    if own:
        asterisk.announced_to("cora", own)
    call = asterisk.asks("line", "chance")
    asterisk.alone.add("line")
    asterisk.joins("front", "outer")
    asterisk.notice("line", call, "begin")
    asterisk.joins("cora", "outer")
    return call


@pytest.mark.parametrize("own", ["", "asked"])
@pytest.mark.parametrize("when", ["while none lives", "before the next", "after the restart", "while the link is down"])
async def test_a_refusal_on_a_local_channel_is_that_of_the_customer_behind_it(asterisk: Pbx, own: str, when: str) -> None:
    async with asterisk.daemon():
        call = await notice_behind_a_local_channel(asterisk, own)
        if when == "before the next":
            asterisk.chooses("line", call, "3")
        if when == "while the link is down":
            known = asterisk.running.service.supervisor
            known.link_down("planted")
            channels = tuple(snap.Channel(c, NAMES[c], "Up") for c in ("front", "line", "cora"))
            said = {**asterisk.announced, "line": Announced("sealed", "refused")}
            outer = snap.Bridge("outer", "mixing", channels=["front", "cora"])
            known.link_up(Reading(monotonic(), channels, (outer,), frozenset(), announced=said))
            await asyncio.sleep(0.02)
            assert asterisk.call_of("cora").recorder.situation.consent is Consent.REFUSED
    if when == "while none lives":
        asterisk.announced["line"] = replace(asterisk.announced["line"], consent="refused")
    for _ in range(2):
        async with asterisk.daemon():
            await asyncio.sleep(0.02)
            if when == "after the restart":
                asterisk.chooses("line", call, "3")
            assert asterisk.call_of("cora").recorder.situation.consent is Consent.REFUSED


@pytest.mark.parametrize("consent", ["notice", "agreed:1"])
async def test_who_heard_a_notice_on_a_local_channel_while_no_daemon_lived_is_not_known(asterisk: Pbx, consent: str) -> None:
    async with asterisk.daemon():
        call = await notice_behind_a_local_channel(asterisk)
        heard = (asterisk.notices[call],)
    asterisk.announced["line"] = replace(asterisk.announced["line"], consent=consent, heard=heard)
    async with asterisk.daemon():
        await asyncio.sleep(0.02)
        runner = asterisk.call_of("line")
        assert runner.customer is None and runner.recorder.situation.consent is Consent.UNASKED


async def test_a_refusal_in_a_second_notice_on_the_local_channel_is_one_of_the_call_that_was_found(asterisk: Pbx) -> None:
    """What the half remembers of its own is older than what is remembered of the customer's channel, and the refusal is newer than both."""
    async with asterisk.daemon():
        call = await heard_behind_a_local_channel(asterisk)
        state = asterisk.reminders.write("line", asterisk.call_of("cora").memory)
    asterisk.announced = {"line": Announced(state, "refused"), **asterisk.announced}
    async with asterisk.daemon():
        await asyncio.sleep(0.02)
        assert [r.call_id for r in asterisk.running.service.supervisor.runners] == [call]
        assert asterisk.call_of("cora").recorder.situation.consent is Consent.REFUSED


@pytest.mark.parametrize("known", [True, False], ids=["taken up", "of a line that is no more"])
async def test_what_asterisk_remembers_of_a_call_that_nobody_goes_on_with_is_forgotten(
    asterisk: Pbx, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    async with asterisk.daemon():
        await heard_behind_a_local_channel(asterisk)
        memory = asterisk.call_of("cora").memory
    asterisk.announced["line"] = Announced(asterisk.reminders.write("line", memory), "notice")
    if not known:
        asterisk.config.write_text(asterisk.config.read_text().replace("[profiles.asked]", "[profiles.other]"))
    forgotten: list[str] = []
    monkeypatch.setattr(CallReminders, "write", lambda _self, channel, value: forgotten.append(channel) if value is None else None)
    async with asterisk.daemon():
        assert sorted(forgotten) == (["line"] if known else ["cora", "line"])


async def test_what_the_customer_chose_while_no_daemon_lived_counts_before_what_was_remembered(asterisk: Pbx) -> None:
    async with asterisk.daemon():
        await heard_behind_a_local_channel(asterisk)
    asterisk.announced["cora"] = Announced(asterisk.announced["cora"].state, "refused")  # at another line, on their own channel
    async with asterisk.daemon():
        assert asterisk.call_of("cora").recorder.situation.consent is Consent.REFUSED


async def two_customers(asterisk: Pbx, profile: str = "asked") -> None:
    for customer in ("cora", "bea"):
        asterisk.announced_to(customer, profile)
    for one in ("cora", "anna", "bea"):
        asterisk.joins(one, "room")
    await asyncio.sleep(0.5)  # the gate opens once the surroundings have stood still for a moment


async def test_whose_voice_is_in_it_is_known_to_the_next_daemon(asterisk: Pbx) -> None:
    async with asterisk.daemon():
        await two_customers(asterisk)
        first, bea = asterisk.call_of("cora"), asterisk.call_of("bea").call_id
        assert first.voices == {bea}
    async with asterisk.daemon():
        await asyncio.sleep(0.05)
        first = asterisk.call_of("cora")
        assert first.voices == first.memory.voices == {bea}
        asterisk.chooses("bea", bea, "3")
        assert first.voices == frozenset()
        await first.finished()
    assert {row.state for row in asterisk.rows()} <= {State.ERASED, State.PURGED}


async def test_a_call_that_is_over_answers_for_the_voices_in_it(asterisk: Pbx) -> None:
    """Cora hangs up, her recording is sealed, and Bea, whose voice is in it, refuses on the next line."""
    async with asterisk.daemon():
        await two_customers(asterisk)
        bea = asterisk.call_of("bea").call_id
        asterisk.leaves("cora", "room")
        async with asyncio.timeout(30):  # grace, and the proof of the last second, which no Asterisk gives here
            while len(asterisk.running.service.supervisor.runners) > 1:
                await asyncio.sleep(0.05)
        before = asterisk.rows()
        asterisk.chooses("bea", bea, "3")
    rows = asterisk.rows()
    assert len(rows) == len(before) and {row.state for row in rows} <= {State.ERASED, State.PURGED}, rows


def is_told_as_kept(asterisk: Pbx, call_id: str) -> bool:
    """By the call's row: then no conversation of it is told as kept either. (Without taps here a kept one has no talk that was heard.)"""
    with closing(Registry.open(asterisk.config.parent / "registry.sqlite")) as registry:
        call = registry.call(call_id)
    assert call is not None and call.outcome is not None
    kept = call.outcome == "kept"
    assert kept or SpanKind.TALK not in {span.kind for span in call.spans}, call
    return kept


def presses(runner: CallRunner, key: ev.AgentKey) -> None:
    runner.receive(ev.KeyPressed(monotonic(), key, ""))


@pytest.mark.parametrize("sealing", [True, False], ids=["being sealed", "sealed"])
@pytest.mark.parametrize("what", ["refuses", "objects", "objects to one of two"])
async def test_what_another_customer_says_reaches_a_call_that_is_over(tmp_path: Path, sealing: bool, what: str) -> None:
    """Sealing waits for the proof of the last second, which no Asterisk gives here; until then a call that is over is among those known."""
    keys = '[keys]\ngrace_seconds = 1\nobjection_purpose = "proof"\n'
    asterisk = Pbx(installed(tmp_path, POLICY + ALWAYS + BOTH, keys))
    async with asterisk.daemon():
        await two_customers(asterisk, "both")
        cora, bea, known = asterisk.call_of("cora"), asterisk.call_of("bea"), asterisk.running.service.supervisor
        if what == "objects to one of two":
            presses(cora, ev.AgentKey.KEEP)
        assert cora.voices == {bea.call_id} and cora.media._file is not None
        cora.media._file.append(np.full((8000, 2), 1000, np.int16))
        asterisk.leaves("cora", "room")
        async with asyncio.timeout(30):
            while cora.recorder.situation.life is not Life.OVER or (cora in known.runners and not sealing):
                await asyncio.sleep(0.01)
        assert (cora in known.runners) is sealing
        if what == "refuses":
            asterisk.chooses("bea", bea.call_id, "3")
        else:
            presses(bea, ev.AgentKey.OBJECT)
    [row] = [row for row in asterisk.rows() if row.call_id == cora.call_id]
    if what == "objects to one of two":
        assert (row.state, [p.name for p in row.purposes], row.objected) == (State.SEALED, ["complaint"], {"proof"})
    else:
        assert row.state is State.PURGED and row.state_reason != "nothing was heard in it"
    assert is_told_as_kept(asterisk, cora.call_id) is (row.state is State.SEALED)


async def test_that_it_is_remembered_does_not_tell_whether_the_call_is_kept(asterisk: Pbx) -> None:
    """Chance did not take it: what its channel remembers changes all the same."""
    async with asterisk.daemon():
        await two_customers(asterisk, "chance")
        first = asterisk.call_of("cora")
        assert first.memory.voices == {asterisk.call_of("bea").call_id} and asterisk.rows() == []


def kept_before(asterisk: Pbx, call: str) -> str:
    """A recording of this call that an earlier daemon sealed."""
    with closing(Registry.open(asterisk.config.parent / "registry.sqlite")) as registry:
        registry.begin_recording("c" * 32, call, datetime.now(UTC), [load(asterisk.config).book.purposes["proof"]], 7)
        registry.seal_recording("c" * 32, datetime.now(UTC), 1, "0" * 64, 1000, False)
    return "c" * 32


def state_of(asterisk: Pbx, recording: str) -> State:
    (row,) = [row for row in asterisk.rows() if row.id == recording]
    return row.state


@pytest.mark.parametrize("goes_on", [True, False])
async def test_who_refuses_while_no_daemon_lives(asterisk: Pbx, goes_on: bool) -> None:
    async with asterisk.daemon():
        await two_customers(asterisk)
        call = asterisk.call_of("cora").call_id
    recording = kept_before(asterisk, call)
    asterisk.announced["bea"] = Announced(asterisk.announced["bea"].state, "refused")
    if not goes_on:
        asterisk.bridges["room"].discard("cora")
        del asterisk.announced["cora"]
    async with asterisk.daemon():
        await asyncio.sleep(0.05)
        assert asterisk.call_of("bea").recorder.situation.consent is Consent.REFUSED
    assert state_of(asterisk, recording) is State.PURGED


async def test_what_was_said_after_it_was_wiped_is_not_wiped_by_the_next_daemon(asterisk: Pbx) -> None:
    async with asterisk.daemon():
        await two_customers(asterisk)
        call, bea = asterisk.call_of("cora").call_id, asterisk.call_of("bea").call_id
        asterisk.chooses("bea", bea, "3")
        asterisk.announced["bea"] = Announced("", "refused")
        assert asterisk.call_of("cora").memory.voices == asterisk.call_of("bea").memory.heard_in == frozenset()
    recording = kept_before(asterisk, call)
    async with asterisk.daemon():
        await asyncio.sleep(0.05)
        assert asterisk.call_of("bea").recorder.situation.consent is Consent.REFUSED
    assert state_of(asterisk, recording) is State.SEALED


@pytest.mark.parametrize("joined", [True, False])
async def test_a_call_that_an_earlier_daemon_knew_and_that_is_over(asterisk: Pbx, joined: bool) -> None:
    """Cora's call ends while no daemon lives; the next one hears of her from nobody but from what Bea's channel remembers."""
    async with asterisk.daemon():
        asterisk.announced_to("cora")
        asterisk.announced_to("bea")
        for one in ("cora", "anna", "bea")[: 3 if joined else 2]:
            asterisk.joins(one, "room")
        if not joined:
            asterisk.joins("bea", "elsewhere")
        call, bea = asterisk.call_of("cora").call_id, asterisk.call_of("bea").call_id
        await asyncio.sleep(0.5)
    asterisk.bridges = {name: members - {"cora"} for name, members in asterisk.bridges.items()}
    del asterisk.announced["cora"]
    recording = kept_before(asterisk, call)
    async with asterisk.daemon():
        await asyncio.sleep(0.05)
        assert [r.call_id for r in asterisk.running.service.supervisor.runners] == [bea]
        asterisk.chooses("bea", bea, "3")
    assert state_of(asterisk, recording) is (State.PURGED if joined else State.SEALED)


@pytest.mark.parametrize("left", ["nothing", "complaint"])
async def test_an_objection_reaches_a_call_that_an_earlier_daemon_knew_and_that_is_over(tmp_path: Path, left: str) -> None:
    asterisk = Pbx(installed(tmp_path, POLICY + ALWAYS + BOTH, '[keys]\ngrace_seconds = 1\nobjection_purpose = "proof"\n'))
    async with asterisk.daemon():
        await two_customers(asterisk, "both")
        call = asterisk.call_of("cora").call_id
    asterisk.bridges["room"].discard("cora")
    del asterisk.announced["cora"]
    recording = kept_before(asterisk, call)
    if left != "nothing":
        with closing(Registry.open(asterisk.config.parent / "registry.sqlite")) as registry:
            registry.add_purpose(recording, load(asterisk.config).book.purposes[left], datetime.now(UTC))
    async with asterisk.daemon():
        await asyncio.sleep(0.05)
        presses(asterisk.call_of("bea"), ev.AgentKey.OBJECT)
    [row] = [row for row in asterisk.rows() if row.id == recording]
    if left == "nothing":
        assert row.state is State.PURGED
    else:
        assert (row.state, [p.name for p in row.purposes], row.objected) == (State.SEALED, [left], {"proof"})
    assert is_told_as_kept(asterisk, call) is (left != "nothing")


@pytest.mark.parametrize("left", ["nothing", "complaint"])
async def test_an_objection_reaches_the_parts_that_an_earlier_daemon_kept(tmp_path: Path, left: str) -> None:
    """Also before anything is kept by this one: the customer is on hold."""
    asterisk = Pbx(installed(tmp_path, POLICY + ALWAYS + BOTH, '[keys]\ngrace_seconds = 1\nobjection_purpose = "proof"\n'))
    async with asterisk.daemon():
        call = asterisk.announced_to("cora", "both")
        asterisk.joins("cora", "room")
    recording = kept_before(asterisk, call)
    if left != "nothing":
        with closing(Registry.open(asterisk.config.parent / "registry.sqlite")) as registry:
            registry.add_purpose(recording, load(asterisk.config).book.purposes[left], datetime.now(UTC))
    async with asterisk.daemon():
        await asyncio.sleep(0.05)
        presses(asterisk.call_of("cora"), ev.AgentKey.OBJECT)
        await asterisk.call_of("cora").finished()
    [row] = asterisk.rows()
    if left == "nothing":
        assert row.state is State.PURGED
    else:
        assert (row.state, [p.name for p in row.purposes], row.objected) == (State.SEALED, [left], {"proof"})


async def test_an_objection_means_what_it_meant_where_the_policy_is_another_by_now(tmp_path: Path) -> None:
    asterisk = Pbx(installed(tmp_path, POLICY + ALWAYS + BOTH, '[keys]\ngrace_seconds = 1\nobjection_purpose = "proof"\n'))
    async with asterisk.daemon():
        asterisk.announced_to("cora", "both")
        asterisk.joins("cora", "room")
        presses(asterisk.call_of("cora"), ev.AgentKey.OBJECT)
    path = asterisk.config
    path.write_text(path.read_text().replace('objection_purpose = "proof"', 'objection_purpose = "complaint"'))
    async with asterisk.daemon():
        await asyncio.sleep(0.05)
        assert asterisk.call_of("cora").recorder.wishes.told() == {"complaint"}


async def test_what_another_customer_in_it_did_not_allow_stays_so_after_a_restart(tmp_path: Path) -> None:
    """Bea was told of proof alone, and is gone: Cora's recording, with Bea's voice, is for nothing else."""
    asterisk = Pbx(installed(tmp_path, POLICY + ALWAYS + BOTH, "[keys]\ngrace_seconds = 1\n"))
    async with asterisk.daemon():
        call = asterisk.announced_to("cora", "both")
        asterisk.announced_to("bea", "asked")
        for one in ("cora", "anna", "bea"):
            asterisk.joins(one, "room")
        await asyncio.sleep(0.5)
        asterisk.leaves("bea", "room")
        assert asterisk.call_of("cora").recorder.wishes.flaggable() == ()
    recording = kept_before(asterisk, call)
    async with asterisk.daemon():
        await asyncio.sleep(0.5)
        cora = asterisk.call_of("cora")
        assert cora.recorder.wishes.standing() == ("proof",)
        presses(cora, ev.AgentKey.KEEP)
    assert {(row.id == recording, *(p.name for p in row.purposes)) for row in asterisk.rows()} == {(True, "proof"), (False, "proof")}

"""The AMI client against a peer that answers wrongly, late, out of order, or not at all."""

from __future__ import annotations

import asyncio

import pytest
from ami_double import ToyAmi, connected, error, success

from asterisk_privacy.asterisk.ami import LINE_BYTES, MOST_LINES, AmiRefused, AmiUnreachable


async def test_logs_in_without_events_and_begins_and_ends_by_id() -> None:
    toy = ToyAmi()
    toy.replies["MixMonitor"] = lambda fields: success(fields, MixMonitorID="0x7f00")
    async with connected(toy) as ami:
        mix = await ami.begin_mix("1700000000.1", "r(/run/a)t(/run/b)i(X)")
        await ami.end_mix("1700000000.1", mix)
    login, begin, end = toy.asked
    assert (login["username"], login["secret"], login["events"]) == ("recorder", "secret", "off")
    assert (begin["channel"], begin["file"], begin["options"]) == ("1700000000.1", "", "r(/run/a)t(/run/b)i(X)")
    assert (end["action"], end["channel"], end["mixmonitorid"]) == ("StopMixMonitor", "1700000000.1", "0x7f00")


async def test_what_has_no_id_is_not_ended_and_not_believed() -> None:
    """StopMixMonitor without an id ends one of the channel's, whosever it is."""
    toy = ToyAmi()
    async with connected(toy) as ami:
        with pytest.raises(AmiRefused):
            await ami.end_mix("c", "")
        with pytest.raises(AmiRefused):
            await ami.begin_mix("c", "r(a)")
    assert toy.actions == ["Login", "MixMonitor"]


@pytest.mark.parametrize("value", ["c\r\nAction: Originate", "c\n", "c\r", "c\0", "c\x85"])
async def test_a_line_break_in_a_value_is_refused_before_anything_is_sent(value: str) -> None:
    toy = ToyAmi()
    async with connected(toy) as ami:
        with pytest.raises(ValueError, match="not printable"):
            await ami.variable(value, "X")
    assert toy.actions == ["Login"]


async def test_each_answer_goes_to_who_asked_whatever_the_order() -> None:
    toy = ToyAmi()
    kept: list[bytes] = []

    def turned(fields: dict[str, str]) -> bytes:
        kept.insert(0, success(fields, Value=fields["variable"]))
        return b"" if len(kept) < 3 else b"Event: FullyBooted\r\n\r\n" + b"".join(kept)

    toy.replies["Getvar"] = turned
    async with connected(toy) as ami:
        assert await asyncio.gather(*(ami.variable("c", name) for name in ("a", "b", "c"))) == ["a", "b", "c"]


async def test_refused_with_the_reason() -> None:
    toy = ToyAmi()
    toy.replies["Getvar"] = lambda fields: error(fields, "No such channel")
    async with connected(toy) as ami:
        with pytest.raises(AmiRefused, match="No such channel"):
            await ami.variable("c", "X")


async def test_no_answer_in_time_ends_the_connection_for_all_and_it_comes_back() -> None:
    toy = ToyAmi()
    toy.replies["Getvar"] = lambda _fields: b""
    async with connected(toy, ask_seconds=0.1) as ami:
        found = await asyncio.gather(*(ami.variable("c", name) for name in "ab"), return_exceptions=True)
        assert [type(e) for e in found] == [AmiUnreachable, AmiUnreachable]
        async with asyncio.timeout(5):
            while ami.connections < 2:
                await asyncio.sleep(0.005)
        await ami.set_variable("c", "X", "")
    assert ami.lost >= 1


@pytest.mark.parametrize("nonsense", [b"X" * (LINE_BYTES + 1) + b"\r\n", b"a: b\r\n" * (MOST_LINES + 1)], ids=["line", "message"])
async def test_endless_answers_end_the_connection(nonsense: bytes) -> None:
    toy = ToyAmi()
    toy.replies["Getvar"] = lambda _fields: nonsense
    async with connected(toy) as ami:
        with pytest.raises(AmiUnreachable):
            await ami.variable("c", "X")


async def test_a_wrong_password_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    toy = ToyAmi()
    tries: list[str] = []

    def refuses(fields: dict[str, str]) -> bytes:
        tries.append(fields["secret"])
        return error(fields, "Authentication failed") if len(tries) < 4 else success(fields)

    toy.replies["Login"] = refuses
    async with connected(toy):
        pass
    assert len(tries) == 4
    assert caplog.text.count("Authentication failed") == 1 and "secret" not in caplog.text

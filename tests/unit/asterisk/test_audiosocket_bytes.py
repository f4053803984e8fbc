"""Whatever bytes come: nothing is raised, and no other tap hears them."""

from __future__ import annotations

import asyncio
import socket

from audiosocket_peer import Ear, frame, message, name
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.asterisk import audiosocket as aus


class _Transport(asyncio.Transport):
    def __init__(self, extra: dict[str, object]) -> None:
        super().__init__(extra)
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        """Test code goes on feeding it."""


PIECE = st.one_of(
    st.binary(max_size=400),
    st.integers(0, 255).map(frame),
    st.builds(message, st.sampled_from([0x00, 0x01, 0x03, 0x10, 0x11, 0xFF]), st.binary(max_size=330)),
)


@settings(deadline=None)
@given(st.lists(PIECE, max_size=12), st.lists(PIECE, max_size=4), st.booleans(), st.integers(1, 700))
def test_any_bytes_never_raise_and_never_reach_another_tap(after: list[bytes], before: list[bytes], named: bool, cut: int) -> None:
    async def run() -> None:
        server = aus.AudioSocketServer()
        mine, other = Ear(server.names.new()), Ear(server.names.new())
        server.expect(mine.tap, mine.sink, mine.over)
        server.expect(other.tap, other.sink, other.over)
        one, (near, far) = aus._Peer(server), socket.socketpair()
        near.setblocking(False)
        transport = _Transport({"socket": near})
        one.connection_made(transport)
        stream = b"".join((*before, name(mine.tap) if named else b"", *after))
        for start in range(0, len(stream), cut):
            one.data_received(stream[start : start + cut])
        heard = len(mine.frames)
        assert other.frames == []
        if not named or before:
            assert before != [] or heard == 0
        server.forget(mine.tap)
        one.data_received(frame())
        assert len(mine.frames) == heard
        one.connection_lost(None)
        assert other.ended == 0
        server.forget(other.tap)
        await server.stop()
        near.close()
        far.close()

    asyncio.run(run())

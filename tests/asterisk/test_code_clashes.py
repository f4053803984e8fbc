"""What `setup` says of codes that clash is what a real Asterisk does with them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from bare_pbx import BarePbx

from asterisk_privacy.lab.pbx import free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(120)]

LINES = """
[from-outside]
exten => with-h,1,Dial(PJSIP/agent,30,tkKh)
exten => without,1,Dial(PJSIP/agent,30,tkK)
"""


@pytest.fixture
def port() -> int:
    return free_port(socket.SOCK_DGRAM)


@pytest.fixture
def pbx(install: Install, tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[BarePbx]:
    with BarePbx(tmp_path_factory.mktemp("pbx"), install, contacts={"agent": port}, extra_dialplan=LINES) as running:
        running.setup()
        pjsip = running.etc / "pjsip.conf"
        pjsip.write_text(pjsip.read_text().replace("[agent](lab-phone", "[agent](lab-phone,privacy-agent"))
        running.cli("module reload res_pjsip.so")
        yield running


async def goes_on(pbx: BarePbx, port: int, line: str) -> bool:
    """After the agent pressed *1."""
    async with Phone("agent", port, pbx.sip_port, answer_after=0) as agent, Phone("customer", 0, pbx.sip_port) as customer:
        await customer.dial(line)
        await agent.answered()
        await agent.talk(0.3)
        await agent.press("*1")
        await asyncio.sleep(1.0)
        return "PJSIP/customer-" in pbx.cli("core show channels concise")


async def test_with_h_a_key_hangs_up_until_disconnect_is_another_code(pbx: BarePbx, port: int) -> None:
    told = pbx.setup("--dry-run")
    assert "disconnect is *, and so *1 (privacykeep) hangs the customer up" in told
    assert await goes_on(pbx, port, "without")
    assert not await goes_on(pbx, port, "with-h")
    features = pbx.etc / "features.conf"
    features.write_text(features.read_text().replace("[featuremap]", "[featuremap]\ndisconnect = **"))
    pbx.cli("module reload features")
    assert await goes_on(pbx, port, "with-h")
    assert "hangs the customer up" not in pbx.setup("--dry-run")

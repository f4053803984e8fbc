"""Calls go on without the recorder's files: after `setup --undo`, a restored backup, a copy. On a real Asterisk, restarted."""

from __future__ import annotations

import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from bare_pbx import BarePbx

from asterisk_privacy.lab.pbx import free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.setup.pieces import SAFE_LINE

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

GUARDED = SAFE_LINE.replace("PROFILE", "support")
LINES = f"""
[from-outside](+)
exten => plain,1,Gosub(privacy-start,s,1(support))
 same => n,Dial(PJSIP/agent,30,tkK)
exten => guarded,1,{GUARDED}
 same => n,Dial(PJSIP/agent,30,tkK)
exten => outbound,1,Dial(PJSIP/agent,30,tkKU(privacy-outbound^support))
[from-agents]
include => privacy-keys-idle
"""
CALLER = "[from-outside]\nexten => none,1,Hangup()\n"


@pytest.fixture
def phones() -> dict[str, int]:
    return {name: free_port(socket.SOCK_DGRAM) for name in ("customer", "agent")}


@pytest.fixture
def pbx(install: Install, tmp_path_factory: pytest.TempPathFactory, phones: dict[str, int]) -> Iterator[BarePbx]:
    with BarePbx(tmp_path_factory.mktemp("pbx"), install, contacts=phones, extra_dialplan=CALLER) as running:
        yield running


@asynccontextmanager
async def connected(pbx: BarePbx, phones: dict[str, int], extension: str) -> AsyncIterator[None]:
    """The agent's phone answers, and both are in conversation."""
    async with (
        Phone("agent", phones["agent"], pbx.sip_port, answer_after=0) as agent,
        Phone("customer", phones["customer"], pbx.sip_port) as customer,
    ):
        await customer.dial(extension)
        await agent.answered()
        await customer.talk(0.3)
        assert "2 active channels" in pbx.cli("core show channels")
        yield


async def calls_go_through(pbx: BarePbx, phones: dict[str, int], *extensions: str) -> None:
    for extension in extensions:
        async with connected(pbx, phones, extension):
            pass


def as_an_agents_phone(pbx: BarePbx) -> None:
    file = pbx.etc / "pjsip.conf"
    file.write_text(file.read_text().replace("[agent](lab-phone", "[agent](lab-phone,privacy-agent"))


async def test_every_documented_line_goes_on_after_undo_and_a_restart(pbx: BarePbx, phones: dict[str, int]) -> None:
    """Plain Gosub() too, which older releases showed: an empty context stays, until the line is gone."""
    before = pbx.files
    pbx.setup()
    as_an_agents_phone(pbx)
    file = pbx.etc / "extensions.conf"
    file.write_text(file.read_text() + LINES)
    pbx.cli("dialplan reload")
    await calls_go_through(pbx, phones, "plain", "guarded", "outbound")
    said = pbx.setup("--undo")
    assert "extensions.conf, line" in said and "Gosub(privacy-start,s,1(support))" in said
    assert "AGI(" not in pbx.cli("dialplan show privacy-start")
    await calls_go_through(pbx, phones, "plain", "guarded", "outbound")
    assert [line for line in pbx.restart() if "pjsip.conf" in line or "extensions" in line] == []
    await calls_go_through(pbx, phones, "plain", "guarded", "outbound")

    file.write_text(file.read_text().replace(LINES, ""))
    pjsip = pbx.etc / "pjsip.conf"
    pjsip.write_text(pjsip.read_text().replace(",privacy-agent", ""))
    pbx.setup("--undo")
    assert pbx.files == before
    pbx.restart()
    assert "There is no existence" in pbx.cli("dialplan show privacy-start")


async def test_documented_lines_need_no_context_at_all(pbx: BarePbx, phones: dict[str, int]) -> None:
    """What hangs up without the include, and what does not."""
    file = pbx.etc / "extensions.conf"
    file.write_text(file.read_text() + LINES)
    pbx.restart()
    await calls_go_through(pbx, phones, "guarded", "outbound")
    with pytest.raises(Exception, match="the call ended"):
        await calls_go_through(pbx, phones, "plain")


async def test_a_restored_backup_without_our_files(pbx: BarePbx, phones: dict[str, int]) -> None:
    pbx.setup()
    as_an_agents_phone(pbx)
    file = pbx.etc / "extensions.conf"
    file.write_text(file.read_text() + LINES)
    ari = pbx.etc / "ari.conf"
    ari.write_text(ari.read_text() + "[crm]\ntype = user\npassword = x\n")
    for path in pbx.etc.glob("*_privacy.conf"):
        path.unlink()
    assert [line for line in pbx.restart() if "ERROR" in line] == []
    assert "crm" in pbx.cli("ari show users")
    await calls_go_through(pbx, phones, "guarded", "outbound")


async def test_a_dialplan_behind_a_link(pbx: BarePbx, phones: dict[str, int]) -> None:
    """Where extensions.conf is a link, and large, its contexts are there after undo and a restart."""
    file = pbx.etc / "extensions.conf"
    file.write_text(file.read_text() + LINES + f"exten => 1,1,NoOp() ; {'x' * 9_000_000}\n")
    elsewhere = pbx.workdir / "srv/extensions.conf"
    elsewhere.parent.mkdir()
    shutil.move(file, elsewhere)
    file.symlink_to("/srv/extensions.conf")  # as seen from the root that setup is given
    pbx.setup("--no-reload")
    assert "#tryinclude extensions_privacy.conf" in elsewhere.read_text()
    pbx.setup("--undo", "--no-reload")
    file.unlink()
    file.symlink_to(elsewhere)
    pbx.restart()
    assert "#tryinclude" in elsewhere.read_text()  # plain Gosub() is in it
    await calls_go_through(pbx, phones, "plain", "guarded")


async def test_the_last_file_of_a_pattern_stays(pbx: BarePbx, phones: dict[str, int]) -> None:
    """Asterisk refuses a file whose #include finds nothing, a pattern too."""
    (pbx.etc / "extensions_extra.d").mkdir()
    (pbx.etc / "extensions_extra.d/mine.conf").write_text("[mine]\nexten => 1,1,NoOp()\n")
    file = pbx.etc / "extensions.conf"
    file.write_text(file.read_text() + "#include extensions_extra.d/*.conf\n")
    pbx.setup()
    assert (pbx.etc / "extensions_extra.d/50-asterisk-privacy.conf").exists()
    (pbx.etc / "extensions_extra.d/mine.conf").unlink()
    file.write_text(file.read_text() + LINES.replace("Gosub(", "NoOp("))
    pbx.setup("--undo")
    pbx.restart()
    await calls_go_through(pbx, phones, "guarded")


async def test_a_program_that_writes_dialplan(pbx: BarePbx, phones: dict[str, int]) -> None:
    """#exec: what it writes is seen through the running Asterisk."""
    (pbx.etc / "asterisk.conf").write_text((pbx.etc / "asterisk.conf").read_text() + "execincludes = yes\n")
    program = pbx.workdir / "written"
    program.write_text("#!/bin/sh\necho '[from-outside](+)'\necho 'exten => made,1,Gosub(privacy-start,s,1(support))'\n"
                       "echo ' same => n,Dial(PJSIP/agent,30,tkK)'\n")  # fmt: skip
    program.chmod(0o755)
    pbx.setup()
    file = pbx.etc / "extensions.conf"
    with_program = file.read_text() + f"#exec {program}\n"
    file.write_text(with_program)
    pbx.restart()
    await calls_go_through(pbx, phones, "made")
    said = pbx.setup("--undo")
    assert "Gosub(privacy-start,s,1(support))" in said and "not seen here" not in said
    pbx.restart()
    await calls_go_through(pbx, phones, "made")
    program.write_text("#!/bin/sh\necho '[made]'\n")
    pbx.restart()
    assert "something that does nothing stays" not in pbx.setup("--undo")
    assert not (pbx.etc / "extensions_privacy.conf").exists()

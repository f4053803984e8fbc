"""`setup --undo` where lines, links and includes of the administrator still lead to what goes: no call and no file depends on it then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pbx_trees import ETC, FREEPBX_CORE, PLAIN, SHIPPED, everything, freepbx, plain, planned, put, run, wazo

from asterisk_privacy.setup.conf import read_conf
from asterisk_privacy.setup.marks import BEGIN
from asterisk_privacy.setup.pieces import SAFE_LINE
from asterisk_privacy.setup.references import READ
from asterisk_privacy.setup.tree import Tree

GOSUB = "exten => 200,1,Gosub(privacy-start,s,1(sales))\n same => n,Queue(sales,t)\n"
GUARDED = f"exten => 201,1,{SAFE_LINE.replace('PROFILE', 'sales')}\n same => n,Queue(sales,t)\n"


def undo(root: Path, *options: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(run(root, "--undo", "--yes", "--json", *options).stdout)
    return found


def add(root: Path, name: str, text: str) -> None:
    path = root / "etc/asterisk" / name
    path.write_bytes((path.read_bytes() if path.exists() else b"") + text.encode())


def refused(root: Path) -> list[str]:
    """Files that Asterisk would not read at all, since an #include leads nowhere."""
    confs = ((name, read_conf(Tree(root), ETC, name)) for name in READ)
    return [name for name, conf in confs if any(one.hard and not one.found for one in conf.includes)]


def contexts(root: Path) -> list[str]:
    return read_conf(Tree(root), ETC, "extensions.conf").sections


def ours(root: Path) -> list[str]:
    return [name for name, (text, _) in everything(root).items() if b"asterisk-privacy" in text]


def linked(root: Path) -> None:
    """As where /etc/asterisk is made of links into a repository."""
    (root / "srv").mkdir()
    (root / "etc/asterisk/extensions.conf").rename(root / "srv/extensions.conf")
    (root / "etc/asterisk/extensions.conf").symlink_to("/srv/extensions.conf")


def large(root: Path) -> None:
    add(root, "extensions.conf", f"exten => 900,1,Hangup() ; {'x' * 9_000_000}\n")


def nested(root: Path) -> None:
    put(root, {"extensions.conf": '[general]\n#include "sites/*/main.conf"\n', "sites/a/main.conf": "#include sites/a/more.conf\n"})
    put(root, {"sites/a/more.conf": PLAIN["extensions.conf"]})


def by_a_linked_directory(root: Path) -> None:
    put(root, {"main.conf": PLAIN["extensions.conf"]}, "/srv/pbx")
    (root / "etc/asterisk/site").symlink_to("/srv/pbx")
    put(root, {"extensions.conf": "#include site/main.conf\n"})


@pytest.mark.parametrize("shape", [linked, large, nested, by_a_linked_directory], ids=lambda shape: shape.__name__)
def test_wherever_the_dialplan_lies_no_include_is_left(tmp_path: Path, shape: object) -> None:
    plain(tmp_path)
    shape(tmp_path)  # type: ignore[operator]
    there = everything(tmp_path)
    run(tmp_path, "--yes")
    assert "privacy-start" in contexts(tmp_path)
    run(tmp_path, "--undo", "--yes")
    assert everything(tmp_path) == there


def test_an_include_of_before_is_found_wherever_it_lies(tmp_path: Path) -> None:
    """Of a release that wrote #include, in a file that only an include of another directory reads."""
    put(
        plain(tmp_path),
        {"main.conf": PLAIN["extensions.conf"] + BEGIN.decode() + "\n#include extensions_privacy.conf\n; <<< asterisk-privacy setup\n"},
        "/srv",
    )
    put(tmp_path, {"extensions.conf": "#include /srv/main.conf\n"})
    run(tmp_path, "--yes")
    assert "#tryinclude extensions_privacy.conf" in (tmp_path / "etc/asterisk/extensions.conf").read_text()
    run(tmp_path, "--undo", "--yes")
    assert (tmp_path / "srv/main.conf").read_text() == PLAIN["extensions.conf"]
    assert refused(tmp_path) == []


@pytest.mark.parametrize("when", ["before setup", "after setup"])
def test_freepbx_without_its_marker(tmp_path: Path, when: str) -> None:
    freepbx(tmp_path)
    there = everything(tmp_path)
    if when == "before setup":
        (tmp_path / "etc/freepbx.conf").unlink()
    touched = {change.path.rpartition("/")[2] for change in planned(tmp_path).changes if change.before is not None}
    assert not touched & {*FREEPBX_CORE, "extensions_additional.conf"}
    run(tmp_path, "--yes")
    (tmp_path / "etc/freepbx.conf").unlink(missing_ok=True)
    run(tmp_path, "--undo", "--yes")
    assert everything(tmp_path) == {name: value for name, value in there.items() if name != "etc/freepbx.conf"}


def test_our_includes_may_be_missing(tmp_path: Path) -> None:
    """A backup restored, or /etc/asterisk copied, without our files: Asterisk refuses none of its own."""
    plain(tmp_path)
    run(tmp_path, "--yes")
    add(tmp_path, "pjsip.conf", "[bert](privacy-agent)\ntype = endpoint\n")
    for path in (tmp_path / "etc/asterisk").glob("*_privacy.conf"):
        path.unlink()
    assert refused(tmp_path) == []
    assert "privacy-agent" in read_conf(Tree(tmp_path), ETC, "pjsip.conf").sections


def test_lines_that_still_point_here_are_named_and_find_an_empty_context(tmp_path: Path) -> None:
    plain(tmp_path)
    run(tmp_path, "--yes")
    add(tmp_path, "extensions.conf", GOSUB + GUARDED + "; Gosub(privacy-start,s,1(x))\n")
    add(tmp_path, "pjsip.conf", "[bert](privacy-agent)\ntype = endpoint\nset_var = DYNAMIC_FEATURES=privacykeep\n")
    there = (tmp_path / "etc/asterisk/extensions.conf").read_text().splitlines()
    found = undo(tmp_path)
    named = {(one["path"], one["line"]): one["needs"] for one in found["references"]}  # type: ignore[attr-defined]
    now = (tmp_path / "etc/asterisk/extensions.conf").read_text().splitlines()
    assert there[-5] == GOSUB.splitlines()[0]
    pjsip = (tmp_path / "etc/asterisk/pjsip.conf").read_text().splitlines()
    assert {line: needs for (path, line), needs in named.items() if path == f"{ETC}/extensions.conf"} == {
        now.index(there[-5]) + 1: "privacy-start",
        now.index(there[-3]) + 1: None,
    }
    assert sorted(needs or "" for (path, _), needs in named.items() if path == f"{ETC}/pjsip.conf") == ["", "privacy-agent"]
    stub = (tmp_path / "etc/asterisk/extensions_privacy.conf").read_text()
    assert "[privacy-start]\nexten => s,1,Return()\n" in stub and "AGI(" not in stub
    assert refused(tmp_path) == [] and "privacy-start" in contexts(tmp_path)
    assert pjsip[1] == "[privacy-agent](!)" and "one_touch_recording" not in "".join(pjsip)
    assert not (tmp_path / "etc/asterisk-privacy/ari.secret").exists()


def test_once_they_are_gone_nothing_is_left(tmp_path: Path) -> None:
    plain(tmp_path)
    there = everything(tmp_path)
    run(tmp_path, "--yes")
    endpoint = "[bert](privacy-agent)\ntype = endpoint\n"
    add(tmp_path, "extensions.conf", GOSUB)
    add(tmp_path, "pjsip.conf", endpoint)
    undo(tmp_path)
    assert undo(tmp_path)["changes"] == []
    for name, text in (("extensions.conf", GOSUB), ("pjsip.conf", endpoint)):
        path = tmp_path / "etc/asterisk" / name
        path.write_text(path.read_text().removesuffix(text))
    assert undo(tmp_path)["left"] == []
    assert everything(tmp_path) == there


def test_after_that_setup_puts_all_of_it_back(tmp_path: Path) -> None:
    plain(tmp_path)
    run(tmp_path, "--yes")
    add(tmp_path, "extensions.conf", GOSUB)
    add(tmp_path, "pjsip.conf", "[bert](privacy-agent)\ntype = endpoint\n")
    there = {name: text for name, (text, _) in everything(tmp_path).items() if "ari" not in name}
    undo(tmp_path)
    run(tmp_path, "--yes")
    assert {name: text for name, (text, _) in everything(tmp_path).items() if "ari" not in name} == there


@pytest.mark.parametrize(
    ("line", "breaks"),
    [
        ("exten => 1,1,Gosub(privacy-start,s,1(a))", True),
        ("exten = 1,1,ExecIf($[${X}]?Gosub(privacy-start,s,1(a)))", True),
        ("exten => 1,1,GotoIf($[${X}]?privacy-start,s,1)", True),
        ("exten => 1,1,Dial(PJSIP/a,30,G(privacy-start^s^1))", True),
        (f"exten => 1,1,{SAFE_LINE}", False),
        ("exten => 1,1,Dial(PJSIP/a,30,TKkU(privacy-outbound^a))", False),
        ("include => privacy-keys-idle", False),
        ('exten => 1,1,GotoIf($["${PRIVACY_CONSENT}" = "refused"]?no,1)', False),
    ],
)  # fmt: skip
def test_what_a_line_does_without_the_include(tmp_path: Path, line: str, breaks: bool) -> None:
    """As seen on a real Asterisk (tests/asterisk/test_setup_gone.py)."""
    plain(tmp_path)
    run(tmp_path, "--yes")
    add(tmp_path, "extensions.conf", f"[mine]\n{line}\nexten => 2,1,Gosub(privacy-start-of-mine,s,1)\n")
    found = undo(tmp_path)
    assert [one["text"] for one in found["references"]] == [line]  # type: ignore[attr-defined]
    assert found["left"] == ([f"{ETC}/extensions.conf", f"{ETC}/extensions_privacy.conf"] if breaks else [])


def test_lines_in_generated_and_included_files_are_found(tmp_path: Path) -> None:
    """A custom destination of FreePBX stands in what FreePBX generates."""
    freepbx(tmp_path)
    run(tmp_path, "--yes")
    add(tmp_path, "extensions_additional.conf", "[customdests]\nexten => dest-1,1,Gosub(privacy-start,s,1(sales))\n")
    (one,) = undo(tmp_path)["references"]  # type: ignore[misc]
    assert one["path"] == f"{ETC}/extensions_additional.conf" and one["line"] == 5  # type: ignore[index]
    assert "privacy-start" in contexts(tmp_path)


@pytest.mark.parametrize(
    "include", ["#include extensions_privacy.conf", "#include /etc/asterisk/extensions_*.conf", '#include "ext*_privacy.con?"']
)
def test_a_file_that_an_include_still_names_is_not_deleted(tmp_path: Path, include: str) -> None:
    """By hand, or by a pattern of which it is the last file: Asterisk refuses a file whose #include finds nothing."""
    plain(tmp_path)
    run(tmp_path, "--yes")
    path = tmp_path / "etc/asterisk/extensions.conf"
    path.write_text(f"{PLAIN['extensions.conf']}{include}\n")
    found = undo(tmp_path)
    assert refused(tmp_path) == [] and found["left"] == [f"{ETC}/extensions_privacy.conf"]
    assert "[privacy-" not in (tmp_path / "etc/asterisk/extensions_privacy.conf").read_text()
    path.write_text(PLAIN["extensions.conf"])
    undo(tmp_path)
    assert ours(tmp_path) == []


def test_a_menu_that_is_still_named_stays_without_its_keys(tmp_path: Path) -> None:
    """ConfBridge() with a menu that is missing hangs up; a menu that is made of a missing one has all of confbridge.conf refused."""
    put(plain(tmp_path), {"confbridge.conf": "[general]\n[mine](privacy-agent-menu)\n*2 = toggle_mute\n"})
    run(tmp_path, "--yes")
    sections = read_conf(Tree(tmp_path), ETC, "confbridge.conf").sections
    assert sections.index("privacy-agent-menu") < sections.index("mine")
    add(tmp_path, "extensions.conf", "exten => 300,1,ConfBridge(room,,,privacy-agent-menu)\n")
    found = undo(tmp_path)
    needs = {one["path"]: one["needs"] for one in found["references"]}  # type: ignore[attr-defined]
    assert needs == dict.fromkeys((f"{ETC}/confbridge.conf", f"{ETC}/extensions.conf"), "privacy-agent-menu")
    menu = (tmp_path / "etc/asterisk/confbridge_privacy.conf").read_text()
    assert "[privacy-agent-menu]\ntype = menu\n" in menu and "dialplan_exec" not in menu
    put(tmp_path, {"extensions.conf": PLAIN["extensions.conf"], "confbridge.conf": "[general]\n"})
    undo(tmp_path)
    assert ours(tmp_path) == []


def test_a_program_may_still_include_it(tmp_path: Path) -> None:
    """What #exec writes is not known: the entry contexts stay, and do nothing."""
    wazo(tmp_path)
    run(tmp_path, "--yes")
    found = undo(tmp_path)
    assert any("#exec" in line for line in found["not_looked_at"])  # type: ignore[attr-defined]
    assert ours(tmp_path) == ["etc/asterisk/extensions_extra.d/50-asterisk-privacy.conf"]
    assert {"privacy-start", "privacy-outbound", "privacy-keys-idle"} <= set(contexts(tmp_path))


@pytest.mark.parametrize("pointing", [False, True])
def test_a_program_is_no_riddle_where_asterisk_can_be_asked(tmp_path: Path, pointing: bool) -> None:
    wazo(tmp_path)
    there = everything(tmp_path)
    run(tmp_path, "--yes")
    line = "Gosub(privacy-start,s,1(sales))" if pointing else "NoOp()"
    console = tmp_path.parent / f"{tmp_path.name}-console"
    console.write_text(
        f"#!/bin/sh\necho \"[ Context 'made' created by 'pbx_config' ]\"\necho \"  '1' =>            1. {line} [made.conf:7]\"\n"
    )
    console.chmod(0o755)
    found = undo(tmp_path, "--asterisk-command", str(console))
    assert found["not_looked_at"] == []
    assert [(one["path"], one["line"]) for one in found["references"]] == [("made.conf", 7)] * pointing  # type: ignore[attr-defined]
    assert (everything(tmp_path) == there) is not pointing


def test_other_dialplans(tmp_path: Path) -> None:
    plain(tmp_path)
    run(tmp_path, "--yes")
    put(tmp_path, {"extensions.lua": "-- privacy-start\napp.gosub('privacy-start,s,1(sales)')\n", "extensions.ael": "// privacy-start\n"})
    (one,) = undo(tmp_path)["references"]  # type: ignore[misc]
    assert one["path"] == f"{ETC}/extensions.lua" and one["line"] == 2  # type: ignore[index]


def test_a_dialplan_in_a_database_is_said_not_to_be_looked_at(tmp_path: Path) -> None:
    plain(tmp_path)
    run(tmp_path, "--yes")
    put(tmp_path, {"extconfig.conf": "[settings]\nextensions => odbc,asterisk,extensions\n"})
    (line,) = undo(tmp_path)["not_looked_at"]  # type: ignore[misc]
    assert "extconfig.conf, line 2" in str(line) and "database" in str(line)
    assert "privacy-start" in contexts(tmp_path)


def test_what_somebody_wrote_into_a_file_of_ours_stays(tmp_path: Path) -> None:
    plain(tmp_path)
    run(tmp_path, "--yes")
    add(tmp_path, "extensions_privacy.conf", "[mine]\nexten => 1,1,Hangup()\n")
    undo(tmp_path)
    assert (tmp_path / "etc/asterisk/extensions_privacy.conf").read_text() == "[mine]\nexten => 1,1,Hangup()\n"


def test_a_file_of_ours_with_sections_of_theirs_in_between_stays_as_it_is(tmp_path: Path) -> None:
    plain(tmp_path)
    run(tmp_path, "--yes")
    path = tmp_path / "etc/asterisk/extensions_privacy.conf"
    path.write_text(path.read_text().replace("[privacy-clear]", "[mine]\nexten => 1,1,Hangup()\n[privacy-clear]"))
    there = path.read_bytes()
    assert undo(tmp_path)["kept"] == [f"{ETC}/extensions_privacy.conf"]
    assert path.read_bytes() == there and "mine" in contexts(tmp_path)


def test_setup_names_lines_that_would_cost_calls(tmp_path: Path) -> None:
    plain(tmp_path)
    put(tmp_path, {name: text.decode() for name, text in SHIPPED.items()})
    add(tmp_path, "extensions.conf", GOSUB + GUARDED + "#include extensions_privacy.conf\n")
    add(tmp_path, "pjsip.conf", "#include pjsip_privacy.conf\n")
    told = planned(tmp_path).warnings
    assert any("extensions.conf, line 7: hangs callers up" in line and SAFE_LINE.replace("PROFILE", "sales") in line for line in told), told
    assert any("extensions.conf, line 11" in line and "#tryinclude extensions_privacy.conf" in line for line in told), told
    assert any("pjsip.conf, line 5" in line and "refuse all of pjsip.conf" in line for line in told), told
    assert sum("hangs callers up" in line for line in told) == 1

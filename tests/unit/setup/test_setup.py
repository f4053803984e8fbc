"""`asterisk-privacy setup` on whole directory trees: what it writes, that it writes it once, and that it leaves without a trace."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from as_user import STRANGER, unprivileged
from pbx_trees import ACCESS, ETC, KINDS, PLAIN, SHIPPED, everything, freepbx, plain, planned, put, run, wazo

from asterisk_privacy.setup.conf import read_conf
from asterisk_privacy.setup.layout import Kind
from asterisk_privacy.setup.marks import BEGIN
from asterisk_privacy.setup.tree import Tree

KEYS = {"privacykeep", "privacypause", "privacyresume", "privacyoff", "privacyfrom", "privacyto", "privacyobject"}


@pytest.fixture(params=KINDS, ids=str)
def pbx(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return KINDS[request.param](tmp_path)


def test_asterisk_then_knows_all_that_it_must(pbx: Path) -> None:
    run(pbx, "--yes")
    tree = Tree(pbx)
    extensions, features = read_conf(tree, ETC, "extensions.conf"), read_conf(tree, ETC, "features.conf")
    ari, http = read_conf(tree, ETC, "ari.conf"), read_conf(tree, ETC, "http.conf")
    assert {"privacy-start", "privacy-outbound", "privacy-key-keep", "privacy-tap"} <= set(extensions.sections)
    assert extensions.missing == features.missing == ari.missing == http.missing == []
    assert {setting.key for setting in features.of("applicationmap")} >= KEYS
    assert ari.value("general", "enabled", "yes") == "yes"
    secret = (pbx / "etc/asterisk-privacy/ari.secret").read_text().strip()
    assert len(secret) == 48 and ari.value("asterisk-privacy", "password") == secret
    assert (http.value("general", "enabled"), http.value("general", "bindaddr")) == ("yes", "127.0.0.1")


def test_the_template_stands_before_the_endpoints_that_use_it(tmp_path: Path) -> None:
    run(plain(tmp_path), "--yes")
    sections = read_conf(Tree(tmp_path), ETC, "pjsip.conf").sections
    assert sections.index("privacy-agent") < sections.index("trunk")


def test_what_was_there_still_counts(pbx: Path) -> None:
    before = {name: read_conf(Tree(pbx), ETC, f"{name}.conf") for name in ("extensions", "features", "ari", "pjsip")}
    run(pbx, "--yes")
    for name, was in before.items():
        now = read_conf(Tree(pbx), ETC, f"{name}.conf")
        keys = {(s.section, s.key, s.value) for s in now.settings}
        assert {(s.section, s.key, s.value) for s in was.settings} <= keys, name


def test_a_second_time_there_is_nothing_to_do(pbx: Path) -> None:
    run(pbx, "--yes")
    there = everything(pbx)
    assert "Nothing to do" in run(pbx, "--yes").output
    assert everything(pbx) == there
    assert json.loads(run(pbx, "--dry-run", "--json").stdout)["changes"] == []


def test_undo_leaves_no_trace(pbx: Path) -> None:
    there = everything(pbx)
    run(pbx, "--yes")
    assert everything(pbx) != there
    run(pbx, "--undo", "--yes")
    left = {"etc/asterisk/extensions_extra.d/50-asterisk-privacy.conf"} if "wazo" in pbx.name else set()  # a program's lines are not seen
    assert {name: value for name, value in everything(pbx).items() if name not in left} == there
    assert "Nothing to do" in run(pbx, "--undo", "--yes").output


def test_undo_keeps_what_the_administrator_wrote_meanwhile(pbx: Path) -> None:
    """Above and below our lines, in each file that they stand in."""
    run(pbx, "--yes")
    expected = {}
    for name, (text, mode) in everything(pbx).items():
        if b">>> asterisk-privacy" in text:
            (pbx / name).write_bytes(b"; mine, above\n" + text + b"; mine, below\n")
            expected[name] = mode
    assert "Nothing to do" in run(pbx, "--yes").output  # what others write is no reason to write again
    run(pbx, "--undo", "--yes")
    for name in expected:
        now = (pbx / name).read_bytes()
        assert now.startswith(b"; mine, above\n") and now.endswith(b"; mine, below\n") and b"asterisk-privacy" not in now


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n", "; no line end"])
def test_whatever_ends_a_file_comes_back_to_the_byte(tmp_path: Path, ending: str) -> None:
    plain(tmp_path)
    for name in PLAIN:
        path = tmp_path / "etc/asterisk" / name
        path.write_bytes(path.read_bytes().rstrip(b"\n") + ending.encode() + b"\xe9"[: len(ending) % 2])
    there = everything(tmp_path)
    run(tmp_path, "--yes")
    run(tmp_path, "--undo", "--yes")
    assert everything(tmp_path) == there


def test_lines_written_behind_a_file_without_line_end_stay_lines(tmp_path: Path) -> None:
    plain(tmp_path)
    file = tmp_path / "etc/asterisk/extensions.conf"
    file.write_bytes(file.read_bytes() + b"; last")
    run(tmp_path, "--yes")
    file.write_bytes(file.read_bytes() + b"[mine]\n")
    run(tmp_path, "--undo", "--yes")
    assert file.read_bytes().endswith(b"; last\n[mine]\n")


def test_it_shows_and_writes_nothing_without_a_yes(pbx: Path) -> None:
    there = everything(pbx)
    shown = run(pbx, "--dry-run").output
    assert "would be written" in shown and "new file: /etc/asterisk" in shown
    asked = run(pbx, code=2)  # nobody there to ask
    assert "--yes" in asked.output
    assert everything(pbx) == there


def test_the_password_is_never_shown(pbx: Path) -> None:
    shown = run(pbx, "--yes").output + run(pbx, "--yes", "--json").output
    secret = (pbx / "etc/asterisk-privacy/ari.secret").read_text().strip()
    undone = run(pbx, "--undo", "--yes").output
    assert secret not in shown + undone and "********" in shown


def test_secrets_are_not_for_everybody(pbx: Path) -> None:
    run(pbx, "--yes")
    secret = (pbx / "etc/asterisk-privacy/ari.secret").read_bytes().strip()
    holders = [name for name, (text, _) in everything(pbx).items() if secret in text]
    assert len(holders) == 2
    assert {everything(pbx)[name][1] for name in holders} == {0o640}


def test_modes_stay_and_a_copy_is_kept(tmp_path: Path) -> None:
    plain(tmp_path)
    file = tmp_path / "etc/asterisk/extensions.conf"
    file.chmod(0o640)
    was = file.read_bytes()
    run(tmp_path, "--yes")
    assert file.stat().st_mode & 0o7777 == 0o640
    (copy,) = (tmp_path / "var/backups/asterisk-privacy").glob("*/etc/asterisk/extensions.conf")
    assert copy.read_bytes() == was
    assert not list((tmp_path / "etc").rglob(".*"))  # no draft left over


def test_freepbx_only_its_custom_files_are_touched(tmp_path: Path) -> None:
    freepbx(tmp_path)
    assert planned(tmp_path).kind is Kind.FREEPBX
    touched = {change.path.rpartition("/")[2] for change in planned(tmp_path).changes if change.before is not None}
    assert touched == {"extensions_custom.conf", "features_applicationmap_custom.conf", "ari_additional_custom.conf"}
    run(tmp_path, "--yes")
    assert (tmp_path / "etc/asterisk/extensions.conf").is_symlink()
    assert any("[101](+)" in line and "set_var" in line for line in planned(tmp_path).todo)


def test_freepbx_with_its_http_server_off(tmp_path: Path) -> None:
    freepbx(tmp_path)
    put(tmp_path, {"http_additional.conf": "[general]\nenabled=no\nbindaddr=0.0.0.0\nbindport=8088\n"})
    run(tmp_path, "--yes")
    http = read_conf(Tree(tmp_path), ETC, "http.conf")
    assert (http.value("general", "enabled"), http.value("general", "bindaddr")) == ("yes", "127.0.0.1")


def test_wazo_only_new_files_in_its_directories(tmp_path: Path) -> None:
    wazo(tmp_path)
    found = planned(tmp_path)
    assert found.kind is Kind.DROP_INS
    assert [change for change in found.changes if change.before is not None] == []
    drop_ins = {f"{ETC}/{d}/50-asterisk-privacy.conf" for d in ("extensions_extra.d", "features.d", "ari.d")}
    assert {change.path for change in found.changes} == drop_ins | {ACCESS.secret_path}
    assert any('ari_url = "http://127.0.0.1:5039"' in line for line in found.todo)


def test_keys_that_are_taken_are_named(tmp_path: Path) -> None:
    freepbx(tmp_path)
    clashes = [line for line in planned(tmp_path).warnings if "*1" in line]
    assert any("automon" in line and "features_featuremap_additional.conf, line 4" in line for line in clashes)
    put(plain(tmp_path / "other"), {"features.conf": "[featuremap]\natxfer =>\n"})
    assert planned(tmp_path / "other").warnings == ()


def test_a_server_that_is_open_is_told_and_left(tmp_path: Path) -> None:
    put(plain(tmp_path), {"http.conf": "[general]\nenabled=yes\nbindaddr=0.0.0.0\nbindport=8089\nprefix=asterisk\n"})
    found = planned(tmp_path)
    assert any("listens on 0.0.0.0" in line for line in found.warnings)
    assert not any(change.path.endswith("/http.conf") for change in found.changes)
    assert any('"http://127.0.0.1:8089/asterisk"' in line for line in found.todo)


def test_what_was_put_in_by_hand_is_not_put_in_twice(tmp_path: Path) -> None:
    plain(tmp_path)
    put(tmp_path, {name: text.decode() for name, text in SHIPPED.items()})
    by_hand = {
        name: PLAIN[name] + f"#include {name.removesuffix('.conf')}_privacy.conf\n"
        for name in ("extensions.conf", "features.conf", "pjsip.conf")
    }
    put(
        tmp_path,
        {
            **by_hand,
            "ari.conf": "[general]\nenabled=yes\n#include ari_privacy.conf\n",
            "ari_privacy.conf": SHIPPED["ari_privacy.conf"].decode(),
        },
    )
    found = planned(tmp_path)
    assert [change.path for change in found.changes] == [ACCESS.secret_path, f"{ETC}/http.conf"]
    assert any("another password" in line for line in found.warnings)  # CHANGE-ME


def test_digits_changed_by_hand_stay(tmp_path: Path) -> None:
    plain(tmp_path)
    run(tmp_path, "--yes")
    file = tmp_path / "etc/asterisk/features_privacy.conf"
    file.write_text(file.read_text().replace("=> *1,", "=> *7,"))
    result = run(tmp_path, "--yes")
    assert "=> *7," in file.read_text() and "was changed by hand" in result.output


def test_agents_without_keys_in_conferences_are_named(tmp_path: Path) -> None:
    agents = "[old](!)\nset_var = DYNAMIC_FEATURES=privacykeep#privacyoff\n[new](!)\nset_var = DYNAMIC_FEATURES=privacykeep\n"
    put(tmp_path, {**PLAIN, "pjsip.conf": agents + "set_var = CONFBRIDGE(menu,template)=privacy-agent-menu\n"})
    (warning,) = [line for line in planned(tmp_path).warnings if "conferences" in line]
    assert warning.startswith("/etc/asterisk/pjsip.conf, line 2: [old] ")
    assert warning.endswith("add: set_var = CONFBRIDGE(menu,template)=privacy-agent-menu")


def test_the_menu_of_the_keys_comes_where_there_are_conferences(tmp_path: Path) -> None:
    assert not [change for change in planned(plain(tmp_path)).changes if "confbridge" in change.path]
    put(tmp_path, {"confbridge.conf": "[default_user]\ntype=user\n"})
    changed = {change.path: change.after or b"" for change in planned(tmp_path).changes if "confbridge" in change.path}
    assert b"[privacy-agent-menu]" in changed["/etc/asterisk/confbridge_privacy.conf"]
    assert b"#tryinclude confbridge_privacy.conf" in changed["/etc/asterisk/confbridge.conf"]


def test_options_that_hide_holds_or_voices_are_named(tmp_path: Path) -> None:
    template = "[phone](!)\nsuppress_moh_on_sendonly = yes\n[fine](phone)\ntype=endpoint\ndirect_media = no\n"
    put(tmp_path, {**PLAIN, "pjsip.conf": "#include phones.conf\n", "phones.conf": template + "[trunk]\ndirect_media=true\n"})
    warnings = [line for line in planned(tmp_path).warnings if "phones.conf" in line]
    assert [line.partition(":")[0] for line in warnings] == ["/etc/asterisk/phones.conf, line 2", "/etc/asterisk/phones.conf, line 7"]
    assert "[phone] has suppress_moh_on_sendonly = yes" in warnings[0] and warnings[0].endswith("set suppress_moh_on_sendonly = no")
    assert "[trunk] has direct_media = true" in warnings[1]


def test_modules_that_are_kept_out_are_named(tmp_path: Path) -> None:
    put(plain(tmp_path), {"modules.conf": "[modules]\nautoload=yes\nnoload => app_audiosocket.so\n"})
    assert any("noload of app_audiosocket" in line for line in planned(tmp_path).warnings)
    put(tmp_path, {"modules.conf": "[modules]\nautoload=no\nload = res_agi.so\n"})
    missing = [line for line in planned(tmp_path).warnings if "not loaded" in line]
    assert any("app_audiosocket" in line for line in missing) and not any("res_agi " in line for line in missing)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda etc: (etc / "extensions.conf").unlink(), "AEL or Lua"),
        (lambda etc: (etc / "features.conf").write_bytes(BEGIN + b"\n"), "features.conf, line 1"),
        (lambda etc: (etc / "http.conf").unlink() or (etc / "http.conf").mkdir(), "is a directory"),
        (lambda etc: (etc / "ari.conf").unlink() or (etc / "ari.conf").symlink_to("ari.conf"), "in a circle"),
    ],
)  # fmt: skip
def test_what_it_does_not_understand_it_leaves_alone(tmp_path: Path, spoil: object, told: str) -> None:
    plain(tmp_path)
    spoil(tmp_path / "etc/asterisk")  # type: ignore[operator]
    there = everything(tmp_path)
    refused = run(tmp_path, "--yes", code=3)
    assert told in refused.output and len(refused.output.strip().splitlines()) == 1
    assert everything(tmp_path) == there


def test_freepbx_that_reads_no_custom_file(tmp_path: Path) -> None:
    freepbx(tmp_path)
    put(tmp_path, {"extensions.conf": "[from-pstn]\n"}, "/var/www/html/admin/modules/core/etc")
    assert "does not include extensions_custom.conf" in run(tmp_path, "--yes", code=3).output


def test_without_asterisk(tmp_path: Path) -> None:
    refused = run(tmp_path, "--yes", code=3)
    assert "no such directory" in refused.output and "--asterisk-dir" in refused.output


def test_all_or_nothing(tmp_path: Path) -> None:
    """One file cannot be written: what was written before it is put back."""
    plain(tmp_path)
    there = everything(tmp_path)
    blocked = tmp_path / "etc/asterisk/.pjsip.conf.asterisk-privacy-new"
    blocked.mkdir()
    (blocked / "x").touch()
    refused = run(tmp_path, "--yes", code=3)
    assert "nothing was changed" in refused.output and "Traceback" not in refused.output
    (blocked / "x").unlink()
    assert everything(tmp_path) == there


def test_without_permission(tmp_path: Path) -> None:
    plain(tmp_path)
    (tmp_path / "etc/asterisk").chmod(0o500)

    def refused() -> None:
        assert "run this as root" in run(tmp_path, "--yes", code=3).output

    unprivileged(tmp_path, refused)


def test_links_do_not_lead_out_of_the_root(tmp_path: Path) -> None:
    """An image's /etc/asterisk/x -> /etc/os-release is the image's own, which has none."""
    root = plain(tmp_path)
    (root / "etc/asterisk/users.conf").symlink_to("/etc/os-release")
    assert Tree(root).read(f"{ETC}/users.conf") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
@pytest.mark.parametrize("kind", KINDS)
def test_asterisk_can_read_its_password_and_others_cannot(tmp_path: Path, kind: str) -> None:
    pbx = KINDS[kind](tmp_path)
    run(pbx, "--yes")
    files = [path for path in (pbx / "etc/asterisk").rglob("*") if path.is_file()]
    (holder,) = (path for path in files if b"read_only = no\npassword_format" in path.read_bytes())
    there = holder.stat()
    assert (there.st_uid, there.st_gid, there.st_mode & 0o777) == (0, STRANGER, 0o640)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_password_that_an_older_setup_hid_from_asterisk(tmp_path: Path) -> None:
    run(plain(tmp_path), "--yes")
    path = tmp_path / "etc/asterisk/ari_privacy.conf"
    text = path.read_bytes()
    os.chown(path, 0, 0)
    assert "for the group that Asterisk is in" in run(tmp_path, "--yes").output
    assert (path.stat().st_gid, path.stat().st_mode & 0o777, path.read_bytes()) == (STRANGER, 0o640, text)
    assert "Nothing to do" in run(tmp_path, "--yes").output


def test_where_it_is_not_known_who_reads_it_that_is_said_first(tmp_path: Path) -> None:
    (plain(tmp_path) / "etc/passwd").unlink()
    shown = run(tmp_path, "--dry-run")
    assert "not known as which user Asterisk runs" in shown.stderr

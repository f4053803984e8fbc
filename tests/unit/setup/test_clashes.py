"""Codes that steal the agents' keys: what files say, and what Asterisk says where they say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from as_user import unprivileged
from pbx_trees import ETC, plain, planned, put, run

from asterisk_privacy.setup.asterisk_user import asterisk_user
from asterisk_privacy.setup.clashes import clashing
from asterisk_privacy.setup.tree import Tree

BARE = "[featuremap]\natxfer =>\n"


def told(root: Path, features: str = BARE, dialplan: str = "") -> list[str]:
    put(plain(root), {"features.conf": features, "extensions.conf": f"[mine]\n{dialplan}\n"})
    return list(planned(root).warnings)


@pytest.mark.parametrize(
    "line",
    [
        "exten => 1,1,Dial(PJSIP/anna,30,tkKh)",
        "exten => 1,1,Dial(PJSIP/anna&PJSIP/bert,${IF($[1=1]?20,30)},HU(privacy-outbound^a))",
        "exten => 1,1,Queue(sales,tkh)",
        "exten => 1,1,ExecIf($[1=1]?Dial(PJSIP/anna,,h))",
        "DIAL_OPTIONS = HhTtr",
        "exten => 1,1,Set(__TRUNK_OPTIONS=Th)",
    ],
)
def test_disconnect_counts_though_no_file_has_it(tmp_path: Path, line: str) -> None:
    (clash,) = told(tmp_path, dialplan=line)
    assert clash.startswith("features.conf [featuremap], by Asterisk's own default: disconnect is *, and so *1 (privacykeep)")
    assert f"{ETC}/extensions.conf, line 2" in clash and "disconnect = **" in clash
    for way_out in ("[featuremap]\ndisconnect = **\n", "[featuremap]\ndisconnect =>\n"):
        assert told(tmp_path, way_out, line) == []


@pytest.mark.parametrize(
    "line",
    [
        "exten => 1,1,Dial(PJSIP/anna,30,tkK)",
        "exten => 1,1,Dial(PJSIP/hh,30,U(here^h)kA(${HELLO}))",
        "exten => h,1,Dial(PJSIP/anna)",
        "exten => 1,1,Set(HASHED_OPTIONS=abc)",
        "; exten => 1,1,Dial(PJSIP/anna,30,h)",
    ],
)
def test_where_nobody_hangs_up_by_code_it_is_none(tmp_path: Path, line: str) -> None:
    assert told(tmp_path, dialplan=line) == []


def test_a_code_that_begins_as_one_of_ours(tmp_path: Path) -> None:
    (clash,) = told(tmp_path, BARE + "parkcall = *9\n")
    assert f"{ETC}/features.conf, line 3: parkcall is *9" in clash and "*90" in clash
    (clash,) = told(tmp_path, BARE + "[applicationmap]\ntheirs => *55,self,Playback,beep\n")
    assert f"{ETC}/features.conf, line 4: theirs is *55" in clash and "*5 (privacypause)" in clash


def test_a_consultation_has_codes_of_its_own(tmp_path: Path) -> None:
    """atxferabort is *1 by default; without a code to transfer nobody gets there."""
    (clash,) = told(tmp_path, "[featuremap]\natxfer = *2\n")
    assert clash.startswith("features.conf [general], by Asterisk's own default: atxferabort is *1, and so is privacykeep")
    assert told(tmp_path, "[general]\natxferabort = *0\n[featuremap]\natxfer = *2\n") == []


def test_what_a_phone_dials_while_it_is_idle(tmp_path: Path) -> None:
    (clash,) = told(tmp_path, dialplan="include => privacy-keys-idle\nexten => *93,1,NoOp()")
    assert "extensions.conf, line 3: *93 is an extension of [mine]" in clash
    assert told(tmp_path, dialplan="exten => *93,1,NoOp()") == []


def test_in_the_files_as_they_are(tmp_path: Path) -> None:
    """For check-config --ask and selftest: with the digits that the keys have there."""
    put(plain(tmp_path), {"features.conf": BARE, "extensions.conf": "[mine]\nexten => 1,1,Dial(PJSIP/anna,30,h)\n"})
    run(tmp_path, "--yes")
    (clash,) = clashing(Tree(tmp_path), ETC)
    assert "*1 (privacykeep) hangs the customer up" in clash
    own = tmp_path / "etc/asterisk/features_privacy.conf"
    own.write_text(own.read_text().replace("=> *", "=> 7"))
    assert clashing(Tree(tmp_path), ETC) == []
    assert clashing(Tree(tmp_path / "none"), ETC) == []


def test_who_cannot_enter_asterisks_directory_is_told_nothing(tmp_path: Path) -> None:
    """As selftest and check-config ask, for an ordinary user."""
    plain(tmp_path / "pbx")

    def look() -> None:
        shut = tmp_path / "pbx" / ETC.lstrip("/")
        shut.chmod(0)
        assert clashing(Tree(tmp_path / "pbx"), ETC) == []
        assert asterisk_user(Tree(tmp_path / "pbx"), ETC) is None
        shut.chmod(0o700)

    unprivileged(tmp_path, look)

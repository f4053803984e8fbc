"""Which kind of PBX it is, and so where our lines belong."""

from __future__ import annotations

from enum import StrEnum

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.setup.conf import Conf
from asterisk_privacy.setup.plan import OWN_NAME, Wanted


class Kind(StrEnum):
    PLAIN = "plain Asterisk"
    FREEPBX = "FreePBX"  # and its relatives: what it generates is not touched, only the files that it leaves to the administrator
    DROP_INS = "directories of drop-ins, as Wazo has them"


FREEPBX_MARKS = ("/etc/freepbx.conf", "/etc/amportal.conf", "/etc/issabel.conf")
FREEPBX_FILES = {
    "extensions.conf": "extensions_custom.conf",
    "features.conf": "features_applicationmap_custom.conf",
    "ari.conf": "ari_additional_custom.conf",
    "http.conf": "http_custom.conf",
    "confbridge.conf": "confbridge_custom.conf",
}


def kind_of(wanted: Wanted) -> Kind:
    conf = wanted.conf("extensions.conf")
    if any(wanted.now.read(path) is not None for path in FREEPBX_MARKS) or _as_freepbx(wanted, conf):
        return Kind.FREEPBX
    return Kind.DROP_INS if drop_in(conf, "extensions.conf") else Kind.PLAIN


def _as_freepbx(wanted: Wanted, conf: Conf) -> bool:
    """Without its marker, as in a copy of /etc/asterisk alone: its dialplan has what it generates and what is the administrator's."""
    return all(f"{wanted.directory}/extensions_{part}.conf" in {*conf.files, *conf.missing} for part in ("additional", "custom"))


def drop_in(conf: Conf, name: str) -> str | None:
    """Our file's path in the directory that the administrator's additions to `name` have; None where there is none."""
    stem = name.removesuffix(".conf")
    patterns = [pattern for pattern in conf.patterns if pattern.rpartition("/")[0].endswith((f"/{stem}.d", f"/{stem}_extra.d"))]
    patterns.sort(key=lambda pattern: not pattern.rpartition("/")[0].endswith("_extra.d"))  # Wazo's own is extensions.d
    return patterns[0].rpartition("/")[0] + "/" + OWN_NAME if patterns else None


def administrators_file(wanted: Wanted, kind: Kind, name: str, conf: Conf) -> str:
    """The file in which the administrator's own lines of `name` belong. OperatorError where FreePBX does not read it."""
    if kind is not Kind.FREEPBX:
        return f"{wanted.directory}/{name}"
    path = f"{wanted.directory}/{FREEPBX_FILES[name]}"
    if conf.exists and path not in conf.files and path not in conf.missing:
        raise OperatorError(
            f"{wanted.directory}/{name}: does not include {FREEPBX_FILES[name]}, as FreePBX's does, so that it is not known where lines of "
            f"yours belong; add that #include, or put the lines in by hand as dialplan/ and docs/admin.md show"
        )
    return path

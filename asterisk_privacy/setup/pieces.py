"""The five things that Asterisk must know: dialplan, keys, phones, who may use ARI, and that its HTTP server runs on this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.setup import marks
from asterisk_privacy.setup.clashes import clashes, keys_in
from asterisk_privacy.setup.layout import Kind, administrators_file, drop_in
from asterisk_privacy.setup.marks import Ours, Where
from asterisk_privacy.setup.plan import SECRET_MODE, Wanted
from asterisk_privacy.setup.references import confs, names_in, references

SAFE_LINE = "GosubIf($[${DIALPLAN_EXISTS(privacy-start,s,1)}]?privacy-start,s,1(PROFILE))"
"""Of the dialplan: goes on where there is no include. A plain Gosub() would hang the caller up."""
_MOST_LINES = 5
LOOPBACK = ("127.0.0.1", "::1", "localhost")
ON = ("yes", "true", "y", "t", "1", "on")  # Asterisk's ast_true()


@dataclass(frozen=True, slots=True)
class Access:
    """How the daemon logs in to ARI, as its configuration has it."""

    user: str
    password: str
    url: str
    secret_path: str


def dialplan(wanted: Wanted, kind: Kind, shipped: Mapping[str, bytes]) -> None:
    conf, lines = wanted.conf("extensions.conf"), shipped["extensions_privacy.conf"]
    if not conf.exists:
        raise OperatorError(
            f"{wanted.directory}/extensions.conf: there is no such file. A dialplan in AEL or Lua, or in a database, cannot take lines: "
            f"make that file, with #tryinclude extensions_privacy.conf in it, and run this again"
        )
    if path := drop_in(conf, "extensions.conf"):
        wanted.own(path, lines)
        return
    wanted.own(f"{wanted.directory}/extensions_privacy.conf", lines)
    if not wanted.included(conf, "extensions_privacy.conf"):
        wanted.block(administrators_file(wanted, kind, "extensions.conf", conf), "#tryinclude extensions_privacy.conf\n")


def fragile(wanted: Wanted, shipped: Mapping[str, bytes]) -> None:
    """What works now, and would cost calls where one of our files is missing: after a restore or a copy. The last of all pieces, since it
    looks at the files as they will be."""
    then = wanted.bare.with_changes(wanted.files)
    for name, conf in confs(then, wanted.directory).items():
        for include in conf.includes:
            file = include.wanted.rpartition("/")[2]
            if include.hard and file in shipped:
                way_out = "put its lines there in place of this one" if name == "pjsip.conf" else f"write #tryinclude {file}"
                wanted.warnings.append(
                    f"{include.path}, line {include.line}: without {file}, Asterisk would refuse all of {name}; {way_out}"
                )
    pointing = references(then, wanted.directory, names_in(shipped), all_gone=True)
    found = [one for one in pointing if one.needs == "privacy-start"]
    for one in found[:_MOST_LINES]:
        wanted.warnings.append(
            f"{one.path}, line {one.line}: hangs callers up where [{one.needs}] is missing, as after a restore; write {_safe(one.text)}"
        )
    if len(found) > _MOST_LINES:
        wanted.warnings.append(f"and {len(found) - _MOST_LINES} more lines like these")


def _safe(text: str) -> str:
    profile = re.search(r"privacy-start,s,1\(([^()]*)\)", text)
    return SAFE_LINE.replace("PROFILE", profile[1] if profile else "PROFILE")


def features(wanted: Wanted, kind: Kind, shipped: Mapping[str, bytes]) -> None:
    """The agents' keys. A second [applicationmap] counts as well as the first."""
    conf, lines = wanted.conf("features.conf"), shipped["features_privacy.conf"]
    if path := drop_in(conf, "features.conf"):
        wanted.own(path, lines)
    else:
        path = f"{wanted.directory}/features_privacy.conf"
        wanted.own(path, lines)
        if not wanted.included(conf, "features_privacy.conf"):
            wanted.block(administrators_file(wanted, kind, "features.conf", conf), "#tryinclude features_privacy.conf\n")
    mine = keys_in(wanted.files[path].decode("latin-1"))
    wanted.warnings += clashes(conf, wanted.conf("extensions.conf"), mine, wanted.directory)
    if conf.opaque:
        wanted.warnings.append("features.conf: a part of it is made by a program (#exec), so that clashes of keys in it are not seen here")


def rooms(wanted: Wanted, kind: Kind, shipped: Mapping[str, bytes]) -> None:
    """The agents' keys in a conference. Where there is no confbridge.conf nobody confers."""
    conf, lines = wanted.conf("confbridge.conf"), shipped["confbridge_privacy.conf"]
    if not conf.exists:
        return
    if path := drop_in(conf, "confbridge.conf"):
        wanted.own(path, lines)
        return
    if not wanted.included(conf, "confbridge_privacy.conf"):
        try:
            file = administrators_file(wanted, kind, "confbridge.conf", conf)
        except OperatorError as cannot:  # calls need no conference
            wanted.warnings.append(str(cannot))
            return
        wanted.block(file, "#tryinclude confbridge_privacy.conf\n", Where.TOP)  # before menus that are made of ours
    wanted.own(f"{wanted.directory}/confbridge_privacy.conf", lines)


def phones(wanted: Wanted, kind: Kind, shipped: Mapping[str, bytes]) -> None:
    """The template must stand before the endpoints that use it. Where endpoints are generated they cannot use one."""
    conf = wanted.conf("pjsip.conf")
    settings = [line for line in shipped["pjsip_privacy.conf"].decode().splitlines() if "=" in line and not line.startswith(";")]
    if kind is Kind.PLAIN and conf.exists:
        own = f"{wanted.directory}/pjsip_privacy.conf"
        there = wanted.now.read(own)
        if wanted.included(conf, "pjsip_privacy.conf") or (there is not None and marks.whose(there) is Ours.EDITED):
            wanted.own(own, shipped["pjsip_privacy.conf"])
            lines = "#tryinclude pjsip_privacy.conf\n"
        else:  # in the file itself: an endpoint whose template is missing makes Asterisk refuse all of it
            lines = "".join(line + "\n" for line in shipped["pjsip_privacy.conf"].decode().splitlines() if line and line[0] != ";")
        if not wanted.included(conf, "pjsip_privacy.conf"):
            wanted.block(f"{wanted.directory}/pjsip.conf", lines, Where.TOP)
        wanted.todo.append(
            f"In {wanted.directory}/pjsip.conf write (privacy-agent) behind the name of each agent's endpoint, never of a trunk: "
            f"[anna](privacy-agent)"
        )
    elif kind is Kind.FREEPBX:
        wanted.todo.append(
            f"For each agent's extension write into {wanted.directory}/pjsip.endpoint_custom_post.conf: [101](+), and below it: "
            f"{'; '.join(settings)}"
        )
    else:
        wanted.todo.append(f"Give each agent's endpoint these settings, in the way that this PBX has for it: {'; '.join(settings)}")
    menu = next(line for line in settings if "CONFBRIDGE(" in line)
    in_rooms = {setting.section for setting in conf.settings if "privacy-agent-menu" in setting.value}
    for setting in conf.settings:
        if setting.key == "set_var" and "privacykeep" in setting.value and setting.section not in in_rooms:
            wanted.warnings.append(
                f"{setting.path}, line {setting.line}: [{setting.section}] has the agents' keys in calls but not in conferences; "
                f"add: {menu}"
            )


def ari(wanted: Wanted, kind: Kind, shipped: Mapping[str, bytes], access: Access) -> None:
    conf = wanted.conf("ari.conf")
    enabled = not conf.exists or conf.opaque or conf.value("general", "enabled", "yes").lower() in ON
    if conf.has(access.user):
        theirs = conf.value(access.user, "password")
        where = conf.of(access.user)[0].path if conf.of(access.user) else "ari.conf"
        if theirs != access.password:
            wanted.warnings.append(
                f"{where}: has a user {access.user} already, with another password than {access.secret_path}; write that password into "
                f"the file, or remove the user and run this again"
            )
        lines = b""
    else:
        lines = (
            shipped["ari_privacy.conf"]
            .replace(b"[asterisk-privacy]", f"[{access.user}]".encode())
            .replace(b"CHANGE-ME", access.password.encode())
        )
    if lines and wanted.reader is None:
        wanted.warnings.append(
            "it is not known as which user Asterisk runs, so the file with ARI's password will be for its directory's group (mode 0640): "
            "see that Asterisk can read it, or nothing will be recorded"
        )
    switch = "" if enabled else f"[general]{'(+)' if conf.has('general') else ''}\nenabled = yes\n"
    if path := drop_in(conf, "ari.conf"):
        if switch or lines:
            wanted.own(path, switch.encode() + lines, SECRET_MODE)
        return
    include = ""
    if lines:
        wanted.own(f"{wanted.directory}/ari_privacy.conf", lines, SECRET_MODE)
        include = "" if wanted.included(conf, "ari_privacy.conf") else "#tryinclude ari_privacy.conf\n"
    if not conf.exists and kind is not Kind.FREEPBX:
        switch = "[general]\nenabled = yes\n"
    if switch or include:
        wanted.block(administrators_file(wanted, kind, "ari.conf", conf), switch + include)


def http(wanted: Wanted, kind: Kind, access: Access) -> None:
    """On, on this machine only. A server that runs already is left as it is, however open."""
    conf = wanted.conf("http.conf")
    address = conf.value("general", "bindaddr", "0.0.0.0")
    if conf.value("general", "enabled", "no").lower() in ON:
        if address not in LOOPBACK:
            wanted.warnings.append(
                f"http.conf: Asterisk's HTTP server, and so ARI, listens on {address}, for the network; nothing here needs that: "
                f"set bindaddr = 127.0.0.1, or let a firewall shut its port"
            )
    else:
        head = "[general](+)" if conf.has("general") else "[general]"
        lines = f"{head}\nenabled = yes\nbindaddr = 127.0.0.1\n"
        path = drop_in(conf, "http.conf")
        if path:
            wanted.own(path, lines.encode())
        else:
            wanted.block(administrators_file(wanted, kind, "http.conf", conf), lines)
    prefix = conf.value("general", "prefix").strip("/")
    url = f"http://127.0.0.1:{conf.value('general', 'bindport', '8088')}" + (f"/{prefix}" if prefix else "")
    if url != access.url.rstrip("/"):
        wanted.todo.append(f'In the recorder\'s config.toml write, below [asterisk]: ari_url = "{url}"')


def modules(wanted: Wanted, needed: tuple[str, ...]) -> None:
    """Asterisk loads all that is installed unless modules.conf says otherwise."""
    conf = wanted.conf("modules.conf")
    if not conf.exists or conf.opaque:
        return
    by_itself = conf.value("modules", "autoload", "no").lower() in ON
    named = {kind: {s.value.removesuffix(".so") for s in conf.values("modules", kind)} for kind in ("load", "preload", "require", "noload")}
    loaded = named["load"] | named["preload"] | named["require"]
    for name in needed:
        if name in named["noload"]:
            wanted.warnings.append(f"modules.conf: noload of {name}, which is needed; take that line out and restart Asterisk")
        elif not by_itself and name not in loaded:
            wanted.warnings.append(f"modules.conf: {name} is needed and not loaded; add: load = {name}.so")


def hiding(wanted: Wanted, options: Mapping[str, str]) -> None:
    """Options of endpoints, templates included, that hide something from the recorder when they are on; and what."""
    for setting in wanted.conf("pjsip.conf").settings:
        option = setting.key.lower()
        if option in options and setting.value.lower() in ON:
            wanted.warnings.append(
                f"{setting.path}, line {setting.line}: [{setting.section}] has {option} = {setting.value}, so that {options[option]}; "
                f"set {option} = no"
            )

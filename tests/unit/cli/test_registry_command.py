"""The commands of who administers a registry on PostgreSQL, and what check-config says of its server."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from cli_samples import CONFIG
from click.testing import CliRunner, Result
from policies import SALES
from postgres_server import PostgresServer

from asterisk_privacy.cli.main import main
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.nodes import Told
from asterisk_privacy.registry.registry import Registry


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def installed(folder: Path) -> Path:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder) + SALES)
    return path


@pytest.fixture
def config(tmp_path: Path, server: Server) -> str:
    path = installed(tmp_path)
    path.write_text(path.read_text().replace("[registry]\n", f'[registry]\nurl = "{server.url}"\nnode = "pbx-1"\n'))
    return str(path)


def test_every_command_sees_what_all_nodes_wrote(config: str, server: Server) -> None:
    with Registry.open(replace(server, node="pbx-2")) as other:
        other.audit("pbx-2", "said", "hello", {})
    shown = run("audit", "verify", "--config", config)
    assert shown.exit_code == 0 and "2 entries in 2 chains" in shown.stdout  # what was said, and that its chain begins


def test_grants_are_printed_for_psql(server: Server) -> None:
    shown = run("registry", "grant", "reviewer", 'odd "name"')
    assert shown.exit_code == 0 and 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "odd ""name""";' in shown.stdout
    with psycopg.connect(server.url) as db:
        db.execute('CREATE ROLE "odd ""name"""')
        db.execute(shown.stdout.encode())
        db.rollback()


def test_tables_are_made_and_a_file_is_left_to_the_daemon(postgres: PostgresServer, config: str, server: Server, tmp_path: Path) -> None:
    database = postgres.new_database("template1")
    empty = tmp_path / "empty.toml"
    empty.write_text(Path(config).read_text().replace(server.url, postgres.url(database)))
    assert "is empty; the daemon makes its tables" in run("audit", "verify", "--config", str(empty)).stderr
    assert run("registry", "upgrade", "--config", str(empty)).exit_code == 0
    assert run("audit", "verify", "--config", str(empty)).exit_code == 0
    postgres.drop(database)
    (tmp_path / "file").mkdir()
    of_a_file = run("registry", "upgrade", "--config", str(installed(tmp_path / "file")))
    assert of_a_file.exit_code == 3 and "is a file; the daemon upgrades it" in of_a_file.stderr


def test_check_config_asks_the_server_too(postgres: PostgresServer, config: str, server: Server, tmp_path: Path) -> None:
    assert "The registry's server was asked" in run("check-config", "--ask", "--config", config).stdout
    gone = tmp_path / "gone.toml"
    gone.write_text(Path(config).read_text().replace(server.url, postgres.url("nowhere")))
    shown = run("check-config", "--ask", "--config", str(gone))
    assert shown.exit_code == 3 and "cannot be reached: the server has no such database" in shown.stderr
    database = postgres.new_database("template1")
    postgres.execute("CREATE ROLE guest LOGIN PASSWORD 'x'")
    secret = tmp_path / "secret"
    secret.write_text("x\n")
    secret.chmod(0o600)
    more = f'url = "{postgres.url(database, "guest")}"\npassword_file = "{secret}"'
    gone.write_text(Path(config).read_text().replace(f'url = "{server.url}"', more))
    shown = run("check-config", "--ask", "--config", str(gone))
    postgres.drop(database)
    postgres.execute("DROP ROLE guest")
    assert "guest has no right to create tables there" in shown.stderr


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('url = "postgresql://me:hunter2@db/x"', "has a password in it"),
        ('url = "postgresql://me@db/x?password=hunter2"', "has a password in it"),
        ('url = "mysql://db/x"', "is not the address of a PostgreSQL database"),
        ('url = "postgresql://db"', "is not the address of a PostgreSQL database"),
        ('url = "postgresql://db/x"\nnode = "pbx 1"', "is not a name of letters"),
        ('password_file = "/etc/x"', "has no meaning for a SQLite file"),
    ],
)
def test_what_is_written_wrong_is_told_without_the_password(tmp_path: Path, written: str, words: str) -> None:
    path = installed(tmp_path)
    path.write_text(path.read_text().replace("[registry]\n", f"[registry]\n{written}\n"))
    shown = run("check-config", "--config", str(path))
    assert shown.exit_code == 2 and words in shown.stderr and "hunter2" not in shown.output


def test_all_nodes_are_listed_without_a_daemon(config: str, server: Server) -> None:
    with Registry.open(replace(server, node="pbx-2")) as other:
        other.nodes.tell(Told("1.0", utc_now(), 3, None, 0, 0))
    shown = run("registry", "nodes", "--config", config)
    assert shown.exit_code == 0 and "pbx-2  up" in shown.stdout and "silent" not in shown.stdout
    with psycopg.connect(server.url) as db:
        db.execute("UPDATE nodes SET seen_at = seen_at - 600000, version = '0.9'")
    shown = run("registry", "nodes", "--config", config)
    assert shown.exit_code == 1 and "pbx-2 silent since" in shown.stdout
    [told] = json.loads(run("registry", "nodes", "--json", "--config", config).stdout)
    assert (told["name"], told["state"], told["version"]) == ("pbx-2", "silent", "0.9") and 600 <= told["silent_seconds"] < 660


@pytest.mark.parametrize("words", [("nodes",), ("retire", "pbx-2", "--reason", "x"), ("readmit", "pbx-2", "--reason", "x")])
def test_a_file_has_no_nodes(tmp_path: Path, words: tuple[str, ...]) -> None:
    shown = run("registry", *words, "--config", str(installed(tmp_path)))
    assert shown.exit_code == 3 and "is a file of this machine and has no nodes" in shown.stderr and len(shown.stderr.splitlines()) == 1


@pytest.mark.parametrize(("by", "words"), [(10, "600 s ahead of"), (-10, "600 s behind")])
def test_check_config_warns_of_a_clock_that_is_off(config: str, monkeypatch: pytest.MonkeyPatch, by: int, words: str) -> None:
    opened = Registry.open

    def shifted(*args: object, **options: object) -> Registry:
        return opened(*args, **options, clock=lambda: utc_now() + timedelta(minutes=by))  # type: ignore[arg-type]

    monkeypatch.setattr("asterisk_privacy.daemon.registry_place.Registry.open", shifted)
    shown = run("check-config", "--ask", "--config", config)
    assert f"Warning: [registry] url: this node's clock is {words}" in shown.stderr and "NTP" in shown.stderr
    monkeypatch.undo()
    assert "clock" not in run("check-config", "--ask", "--config", config).stderr

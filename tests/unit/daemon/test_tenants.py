"""Several companies on one system: what their policy may say, and whose keys open whose recordings."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import psycopg
import pytest
from as_it_lies import open_recording
from stage import Stage
from test_config import MINIMAL, mistake, mistakes
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.asterisk.ari import Announced, Reading
from asterisk_privacy.call.situation import Life
from asterisk_privacy.daemon.config import load, parse
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.tenants import sealing_of, warnings
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.seal_text import open_text
from asterisk_privacy.store.sealing import Sealing
from asterisk_privacy.store.vault import Vault

URL = '[registry]\nurl = "postgresql://privacy@db/privacy"\n'
ALWAYS = Purpose("proof", "proof", Basis.CONTRACT, "an order", Trigger.ALWAYS, Days(9))


def company(name: str, folder: Path | str = "/etc") -> str:
    return f'[tenants.{name}]\ntitle = "{name.title()} BV"\nrecipients = "{folder}/{name}.recipients"\n'


def line(name: str, tenant: str) -> str:
    return f'[profiles.{name}]\ntitle = "L"\nlanguage = "nl"\nannouncement = "notice-optout"\npurposes = ["complaint"]\n{tenant}'


OURS = MINIMAL + 'tenant = "acme"\n' + line("orders", 'tenant = "beta"\n')


def test_each_line_is_some_companys() -> None:
    book = parse(OURS + company("acme") + company("beta") + URL).book
    assert [profile.tenant for profile in book.profiles.values()] == ["acme", "beta"]
    assert list(book.of("acme").profiles) == ["sales"] and list(book.of("acme").tenants) == ["acme"]
    assert parse(MINIMAL).book.tenants == {} and parse(MINIMAL + 'tenant = "acme"\n' + company("acme")).registry.url == ""


def test_all_mistakes_at_once_each_in_a_line() -> None:
    found = mistakes(
        MINIMAL + line("orders", 'tenant = "acma"\n') + '[tenants.acme]\nrecipients = "/r"\n' + '[tenants.beta]\ntitle = " "\n'
    )
    assert [text.partition(":")[0] for text in found] == [
        "[tenants.acme] title",
        "[tenants.beta] recipients",
        "[tenants.beta] title",
        "[profiles.sales] tenant",
        "[profiles.orders] tenant",
        "[tenants]",
    ]
    assert 'write tenant = "acme" or tenant = "beta"' in found[3] and "there is no tenant 'acma'" in found[4]
    assert "set [registry] url to a PostgreSQL database" in found[5]


def test_what_one_company_alone_gets_wrong() -> None:
    assert "there is no tenant 'acme'; write [tenants.acme]" in mistake(MINIMAL + 'tenant = "acme"\n')
    assert "is also tenants.acme.recipients" in mistake(OURS + company("acme") + company("beta").replace("/beta.", "/acme.") + URL)
    quota = OURS.replace('"flag"', '"sample"\nquota = { calls = 1, per = "month" }')
    assert "takes one company's call in place of another's" in mistake(quota + company("acme") + company("beta") + URL)


def test_a_companys_keys_are_its_own_file(tmp_path: Path) -> None:
    config = parse(OURS + company("acme", tmp_path) + company("beta", tmp_path) + URL + f'[store]\nrecipients = "{tmp_path}/none"\n')
    assert [said.partition("]")[0] for said in warnings(config)] == ["[tenants.acme", "[tenants.beta"]
    ours, auditor = Identity.generate().public, Identity.generate().public
    with pytest.raises(OperatorError, match=r"\[tenants.acme\] recipients: .*acme.recipients: cannot read"):
        sealing_of(config)
    (tmp_path / "acme.recipients").write_text(f"{ours}\n{auditor}\n")
    with pytest.raises(OperatorError, match=r"\[tenants.beta\] recipients: .*beta.recipients: cannot read"):
        sealing_of(config).of("beta")
    assert ["[tenants.beta]" in said for said in warnings(config)] == [True]
    (tmp_path / "beta.recipients").write_text(f"{auditor}\n")
    assert sealing_of(config).of("acme").publics == (ours, auditor)
    [shared] = warnings(config)
    assert shared.startswith(f"[tenants.acme] recipients: {auditor[:16]}... stands in that of beta too")
    with pytest.raises(OperatorError, match="no public keys"):
        sealing_of(config).of(None)


def test_calls_that_go_on_keep_the_keys_of_a_company_that_left() -> None:
    old, new = (Recipients.of([Identity.generate().public]) for _ in range(2))
    left = Sealing(None, {"acme": old, "beta": old}).followed_by(Sealing(None, {"beta": new}))
    assert (left.of("acme"), left.of("beta")) == (old, new)


async def test_another_companys_key_opens_nothing(tmp_path: Path) -> None:
    acme, beta, usual = (Identity.generate() for _ in range(3))
    stage = Stage(tmp_path)
    keys = {name: Recipients.of([one.public]) for name, one in (("acme", acme), ("beta", beta))}
    stage.vault = Vault(tmp_path / "recordings", Sealing(Recipients.of([usual.public]), keys))
    for tenant, mine in (("acme", acme), ("beta", beta)):
        [row] = stage.rows(await stage.call((ALWAYS,), {}, tenant=tenant)).values()
        path = stage.vault.path(row.id)
        assert row.state is State.SEALED and len(open_recording(path, [mine])[0])
        for other in {acme, beta, usual} - {mine}:
            with pytest.raises(OperatorError):
                open_recording(path, [other])
    stage.ledger.close()


def of_two_companies(tmp_path: Path, server: Server) -> Path:
    """sales is acme's line, orders beta's."""
    path = installed(tmp_path)
    text = path.read_text().replace("[registry]", f'[registry]\nurl = "{server.url}"\nnode = "pbx-1"')
    sales, orders = text.partition("[profiles.sales]")[2].partition("\n[")[0], "[profiles.orders]"
    text = text.replace(sales, sales + '\ntenant = "acme"') + f'\n{orders}{sales}\ntenant = "beta"\n'
    path.write_text(text + company("acme", tmp_path) + company("beta", tmp_path))
    return path


async def test_a_companys_bad_key_file_stops_no_other(tmp_path: Path, server: Server) -> None:
    path = of_two_companies(tmp_path, server)
    (tmp_path / "acme.recipients").write_text(Identity.generate().public + "\n")
    (tmp_path / "beta.recipients").write_text("age1scribbles\n")
    async with whole_daemon(path) as running:
        linked(running)
        assert sum("[tenants.beta] recipients:" in line for line in running.service.health.advice) == 1, "status and metrics tell it"
        assert [Somebody(running, line).plan["PRIVACY_PLAN"] for line in ("sales", "orders")] == ["announce", "none"]
        assert running.service.health.alarms == {Alarm.NOT_READY: 1}
        told = await running.reloader.reload()
        assert ["[tenants.beta] recipients:" in problem for problem in told.problems] == [True]
        (tmp_path / "beta.recipients").write_text(Identity.generate().public + "\n")
        assert not (await running.reloader.reload()).problems
        assert Somebody(running, "orders").plan["PRIVACY_PLAN"] == "announce"
        running.service.supervisor.link_down("end of the test")


async def test_a_call_that_comes_to_another_companys_line_is_over_for_the_first(tmp_path: Path, server: Server) -> None:
    path = of_two_companies(tmp_path, server)
    keys = {name: Identity.generate() for name in ("acme", "beta")}
    for name, identity in keys.items():
        (tmp_path / f"{name}.recipients").write_text(identity.public + "\n")
    assert len(load(path).book.tenants) == 2
    async with whole_daemon(path) as running:
        linked(running)
        one, two = Somebody(running), Somebody(running, "orders")
        one.talks()
        [first, _] = running.service.supervisor.runners
        lives = [first.recorder.situation.life]
        assert one.asks("orders") == {"PRIVACY_PLAN": "none"}
        assert [*lives, first.recorder.situation.life] == [Life.LIVE, Life.GRACE]
        assert running.service.health.alarms[Alarm.NOT_READY] == 1
        assert two.plan["PRIVACY_PLAN"] == "announce"
        await running.service.supervisor._tools.ledger.drained()
        calls = await running.service.supervisor._tools.ledger.ask(lambda registry: registry.calls())
        assert {call.profile for call in calls} == {"sales", "orders"}
        for call in calls:
            mine, other = ("acme", "beta") if call.profile == "sales" else ("beta", "acme")
            assert open_text(call.customer_sealed or b"", [keys[mine]]).startswith("06")
            with pytest.raises(OperatorError):
                open_text(call.customer_sealed or b"", [keys[other]])


async def test_a_recorder_that_would_see_one_company_only_does_not_start(tmp_path: Path, server: Server) -> None:
    path = installed(tmp_path)
    path.write_text(path.read_text().replace("[registry]", f'[registry]\nurl = "{server.url}"'))
    with psycopg.connect(server.url, autocommit=True) as db:
        db.execute("INSERT INTO tenant_users VALUES ('tester', 'acme')")
    with pytest.raises(OperatorError, match="only rows of tenant acme are seen from here, and the recorder works for all"):
        async with whole_daemon(path):
            pass


@pytest.mark.parametrize(("tenant", "taken_up"), [("acme", 1), ("beta", 0)])
async def test_a_call_is_not_taken_up_for_the_company_that_has_its_line_since(tmp_path: Path, tenant: str, taken_up: int) -> None:
    path = installed(tmp_path)
    policy = path.read_text()
    (tmp_path / "acme.recipients").write_text(Identity.generate().public + "\n")

    def is_line_of(name: str) -> None:
        path.write_text(policy + f'tenant = "{name}"\n' + company(name, tmp_path).replace(f"{name}.recipients", "acme.recipients"))

    is_line_of("acme")
    async with whole_daemon(path) as running:
        linked(running)
        one = Somebody(running)
        one.talks()
        announced = {one.channel: Announced(one.plan["PRIVACY_STATE"], "notice", heard=(one.plan["PRIVACY_NOTICE_ID"],))}
    is_line_of(tenant)
    async with whole_daemon(path) as running:
        running.service.supervisor.link_up(Reading(monotonic(), (), (), frozenset(), announced=announced))
        assert running.service.health.calls_taken_up == taken_up

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from asterisk_privacy.daemon.callers import Callers
from asterisk_privacy.daemon.health import Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.policy.purpose import Profile
from asterisk_privacy.registry.numbers import generate_key, number_hash
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.seal_text import open_text
from asterisk_privacy.store.sealing import Sealing

SALES = Profile("sales", "Sales", "nl", "notice", (), None)


async def test_a_caller_has_one_hash_however_the_number_came_in(tmp_path: Path) -> None:
    identity, key = Identity.generate(), generate_key()
    (tmp_path / "recipients.txt").write_text(identity.public + "\n")
    ledger = Ledger(Registry.open(tmp_path / "registry.sqlite"), Health())
    callers = Callers(ledger, key, Sealing(Recipients.load(tmp_path / "recipients.txt")), "31")
    for call, number in enumerate(("0612345678", "+31612345678", "", "anonymous")):
        callers.begin(f"c{call}", SALES, number, "in")
    calls = await ledger.ask(lambda registry: registry.calls(customer_hash=number_hash("0031 6 12345678", key, "31")))
    assert sorted(call.id for call in calls) == ["c0", "c1"]
    assert {open_text(call.customer_sealed or b"", [identity]) for call in calls} == {"0612345678", "+31612345678"}  # as it came in
    ledger.close()


async def test_each_companys_callers_are_sealed_to_its_keys_and_the_self_test_to_nobodys(tmp_path: Path) -> None:
    acme, key = Identity.generate(), generate_key()
    ledger = Ledger(Registry.open(tmp_path / "registry.sqlite"), Health())
    callers = Callers(ledger, key, Sealing(None, {"acme": Recipients.of([acme.public])}))
    callers.begin("theirs", replace(SALES, tenant="acme"), "0612345678", "in")
    callers.begin("nobodys", SALES, "0612345678", "in")  # the line of the self-test is no tenant's
    nobodys, theirs = sorted(await ledger.ask(lambda registry: registry.calls()), key=lambda call: call.id)
    assert open_text(theirs.customer_sealed or b"", [acme]) == "0612345678" and theirs.tenant == "acme"
    assert nobodys.customer_sealed is None and nobodys.tenant is None
    ledger.close()

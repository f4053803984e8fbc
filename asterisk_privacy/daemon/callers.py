"""Who called: a keyed hash to look it up by, and the number sealed to the reviewers' keys. Never in clear (R24)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from asterisk_privacy.call.participants import PartyRole, Person
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.policy.purpose import Profile
from asterisk_privacy.registry.numbers import number_hash_or_none
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.seal_text import seal_text
from asterisk_privacy.store.sealing import Sealing


class Callers:
    def __init__(self, ledger: Ledger, number_key: bytes, sealing: Sealing, country_code: str = "") -> None:
        self._ledger = ledger
        self._number_key = number_key
        self._sealing = sealing
        self._country_code = country_code

    def why_not(self, profile: Profile) -> str | None:
        """Why nothing can be sealed for whose line it is."""
        return None if profile.tenant is None else self._sealing.without.get(profile.tenant)

    def begin(
        self, call_id: str, profile: Profile, number: str, direction: str, known: Callable[[Person], None] = lambda _person: None
    ) -> None:
        """Writes the call's row; a tenant's number is for that tenant's keys. Hashing and sealing are done in the registry's thread, which
        calls `known` with who it is, for the rows of calls that the customer comes into."""
        at = datetime.now(UTC)

        def write(registry: Registry) -> None:
            hashed = number_hash_or_none(number, self._number_key, self._country_code)
            # where every line is a tenant's, that of the self-test is nobody's, and nobody asks who called it
            readers = self._sealing.of(profile.tenant) if profile.tenant or self._sealing.usual else None
            sealed = seal_text(number, readers) if number and readers else None
            known(Person(PartyRole.CUSTOMER, None, hashed, sealed))
            registry.begin_call(call_id, profile.name, at, hashed, sealed, "out" if direction == "out" else "in", profile.tenant)

        self._ledger.post(write)

"""To whose keys a recording is sealed: everybody's who may listen, or, where there are several companies, its own company's alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store.recipients import Recipients


@dataclass(frozen=True, slots=True)
class Sealing:
    """`usual`: for what is no tenant's; None: there is nothing such. A tenant's recordings are never sealed to the usual keys.
    `without`: tenants whose keys cannot be read, and why; nothing is recorded for them, and all is for the others."""

    usual: Recipients | None
    tenants: Mapping[str, Recipients] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)

    def of(self, tenant: str | None) -> Recipients:
        """OperatorError: there is no key for it, and nothing is written."""
        found = self.usual if tenant is None else self.tenants.get(tenant)
        if tenant is not None and tenant in self.without:
            raise OperatorError(self.without[tenant])
        if found is None:
            place = "[store] recipients" if tenant is None else f"[tenants.{tenant}] recipients"
            raise OperatorError(f"{place}: there are no public keys to seal this to; name the file in config.toml")
        return found

    def followed_by(self, new: Sealing) -> Sealing:
        """From now on; a tenant that is gone from the configuration keeps its keys for calls that go on."""
        return replace(new, usual=new.usual or self.usual, tenants={**self.tenants, **new.tenants})

    @property
    def all(self) -> Recipients:
        """Every key that something is sealed to from now on."""
        raw = (key for one in (self.usual, *self.tenants.values()) if one is not None for key in one.raw)
        return Recipients(tuple(dict.fromkeys(raw)))

    @property
    def shared(self) -> list[tuple[str, str, str]]:
        """(key, tenant, other tenant): who has that key opens the recordings of both."""
        names = list(self.tenants)
        return [
            (key, one, other)
            for number, one in enumerate(names)
            for other in names[number + 1 :]
            for key in self.tenants[one].publics
            if key in self.tenants[other].publics
        ]

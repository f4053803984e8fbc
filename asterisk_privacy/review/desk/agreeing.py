"""Whether the page's own configuration and the recorder's name the same places. What is decided and noted is decided by the recorder's."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from asterisk_privacy.access.desk import Desk
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import ConfigError
from asterisk_privacy.review.desk.requests import Request

Value = Annotated[str, Meta(max_length=4096)]


class Contradiction(ConfigError):
    """The two files differ. The page would show what is not so, or look for files where there are none; a person must mend one."""


class Differences(Request[tuple[str, ...]], frozen=True, tag=True):
    """`places`: the page's. The answer: each setting in which they differ, with both values."""

    places: Annotated[dict[Annotated[str, Meta(max_length=64)], Value], Meta(max_length=32)]

    def carried_out(self, desk: Desk) -> tuple[str, ...]:
        ours = places_of(desk.config)
        both = ((name, self.places.get(name, ""), ours.get(name, "")) for name in {**ours, **self.places})
        return tuple(f'{name} is "{theirs}" there and "{own}" in the recorder\'s' for name, theirs, own in both if theirs != own)


def places_of(config: Config) -> dict[str, str]:
    """The settings that must be the same for both: the registry, the keys, the store, and who has an account."""
    found = {
        "[registry] path": config.registry.path,
        "[registry] number_key": config.registry.number_key,
        "[store] directory": config.store.directory,
        "[store] recipients": config.store.recipients,
        "[s3] bucket": config.s3.bucket,
        "[s3] endpoint": config.s3.endpoint if config.s3.bucket else "",
        "[s3] prefix": config.s3.prefix if config.s3.bucket else "",
        "[review] accounts": config.review.accounts,
    }
    return {name: str(value) for name, value in found.items()}


def refuse(differences: tuple[str, ...]) -> None:
    """Contradiction, in one line."""
    if differences:
        raise Contradiction(
            [f"the review page's configuration contradicts the recorder's: {'; '.join(differences)}; give both the same file (--config)"]
        )

"""All of it, in order: what must hold, the call, its recording, and nothing left behind."""

from __future__ import annotations

from datetime import UTC, datetime

from asterisk_privacy import file_access
from asterisk_privacy.asterisk.ari import AriAccess, AriRefused, AriUnreachable
from asterisk_privacy.daemon.proving import proving
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.daemon.rights import Asked, erase
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, State
from asterisk_privacy.selftest import before, room, verdict
from asterisk_privacy.selftest.call import TestCall
from asterisk_privacy.selftest.side import Channels
from asterisk_privacy.selftest.steps import Steps
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault, open_recording

BEFORE_A_CALL = ("recorder", "ari", "connected", "modules", "dialplan")


async def selftest(config: Config, steps: Steps, actor: str, like: str = "", keep_digits: str = "*1") -> None:
    """OperatorError where this machine is not ready to be looked at (no secret, no registry)."""
    access = AriAccess(config.asterisk.ari_url, config.asterisk.ari_user, _secret(config))
    async with Channels(access) as channels:
        await before.look_at_ari(steps, channels.ari, access)
        before.look_at_the_recorder(steps, config.control.socket)
        if steps.good("ari"):
            try:
                await channels.listen()
                await before.look_at_asterisk(steps, channels)
                if all(steps.good(name) for name in BEFORE_A_CALL if name != "modules"):
                    await _call(config, steps, channels, actor, like, keep_digits)
                    await room.try_it(steps, channels, keep_digits)
            except (AriRefused, AriUnreachable) as error:
                steps.cannot(_next(steps), f"Asterisk did not do what it was asked to ({error}); its own log says why")
    steps.close()


async def _call(config: Config, steps: Steps, channels: Channels, actor: str, like: str, keep_digits: str) -> None:
    identity = Identity.generate()
    vault = vault_of(config, Recipients.of([identity.public]))
    with Registry.open(home_of(config), actor=actor, create=False) as registry:

        def find(call_id: str) -> RecordingRow | None:
            return next(iter(registry.recordings(call_id=call_id)), None)

        call = TestCall(steps, channels, find, keep_digits)
        try:
            await call.play(config.control.socket, identity.public, like)
            if steps.good("key"):
                await _listen(steps, call, registry, vault, identity)
        finally:
            row = await call.sealed() if call.call_id is not None and find(call.call_id) is not None else None
            if row is not None:
                _delete(steps, registry, vault, row)


async def _listen(steps: Steps, call: TestCall, registry: Registry, vault: Vault, identity: Identity) -> None:
    row = await call.sealed()
    if row is None:
        steps.wrong("sealed", "the recording was begun and not sealed; why: journalctl -u asterisk-privacy")
        return
    try:
        with proving(registry, row.id, "selftest") as content:
            samples, _rate = open_recording(vault.source(row.id), content, [identity])
    except OperatorError as error:
        steps.wrong("sealed", str(error))
        return
    steps.fine("sealed", f"{row.size} bytes, to this test's own key")
    verdict.judge(steps, samples, row.spans)


def _delete(steps: Steps, registry: Registry, vault: Vault, row: RecordingRow) -> None:
    erase(registry, vault, row, Asked("selftest is over", "nobody's recording"), datetime.now(UTC))
    after = registry.recording(row.id)
    if vault.has(row.id) or after is None or after.state is not State.PURGED or not after.evidence:
        steps.wrong("deleted", f"recording {row.id} or its row did not go as it should; run asterisk-privacy reconcile")
    else:
        steps.fine("deleted", "file gone, evidence in the registry")


def _secret(config: Config) -> str:
    path = config.asterisk.ari_password_file
    try:
        return file_access.read(path, "asterisk.ari_password_file", secret=True).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise OperatorError(
            f"{path}: cannot be read; run this as the recorder's user: sudo -u asterisk-privacy asterisk-privacy selftest"
        ) from None


def _next(steps: Steps) -> str:
    """The step that was being tried."""
    return next(
        name
        for name in (*BEFORE_A_CALL, "agi", "announcement", "talk", "key", "sealed", "heard", "hold", "deleted", "room")
        if name not in steps.done
    )

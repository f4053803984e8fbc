"""Line-fault campaigns (R11): designated extensions or lines, a window, a hard count. They end by themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import from_ms, from_ms_or_none, to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.rows import State, WrongState


@dataclass(frozen=True, slots=True)
class Designation:
    """Which calls a campaign takes, and for whom. Extensions, lines, or both; `window`: from and to; `most`: so many calls."""

    purpose: str
    extensions: Sequence[str]
    profiles: Sequence[str]
    window: tuple[datetime, datetime]
    most: int
    provider: str
    reason: str
    tenant: str | None = None  # whose calls it takes; None: of the company whose user opens it, or of lines that are no tenant's


@dataclass(frozen=True, slots=True)
class CampaignRow:
    id: int
    purpose: str
    extensions: tuple[str, ...]  # endpoints: anna, or PJSIP/anna
    profiles: tuple[str, ...]
    from_at: datetime
    to_at: datetime
    most: int  # calls
    taken: int
    provider: str
    reason: str
    closed_at: datetime | None
    tenant: str | None = None

    def active(self, now: datetime) -> bool:
        return self.closed_at is None and self.from_at <= now < self.to_at and self.taken < self.most

    def covers(self, profile: str, agent: str) -> bool:
        """What is designated in either way must fit in both where both are given."""
        bare = agent.rpartition("/")[2]
        by_extension = not self.extensions or agent in self.extensions or bare in self.extensions
        return by_extension and (not self.profiles or profile in self.profiles)


_COLUMNS = "id, purpose, extensions, profiles, from_at, to_at, most, taken, provider, reason, closed_at, tenant"


def open_campaign(engine: Engine, wanted: Designation) -> int:
    """Returns its number."""
    if not wanted.extensions and not wanted.profiles:
        raise ValueError("a campaign designates extensions or profiles")
    designated = (json.dumps(list(wanted.extensions)), json.dumps(list(wanted.profiles)))
    begin, end = wanted.window
    named, tenant = ("", ()) if wanted.tenant is None else (", tenant", (wanted.tenant,))  # else the database knows who asks
    with engine.change() as db:
        made: int = sql(
            db,
            f"INSERT INTO campaigns (purpose, extensions, profiles, from_at, to_at, most, provider, reason{named}) "
            f"VALUES (?, ?, ?, ?, ?, ?, ?, ?{', ?' * len(tenant)}) RETURNING id",
            (wanted.purpose, *designated, to_ms(begin), to_ms(end), wanted.most, wanted.provider, wanted.reason, *tenant),
        ).fetchone()[0]
        detail = {"purpose": wanted.purpose, "extensions": ",".join(wanted.extensions), "profiles": ",".join(wanted.profiles)}
        detail |= {"count": str(wanted.most), "from": begin.isoformat(), "to": end.isoformat()}
        audit.append(engine, db, "campaign.open", str(made), {**detail, "provider": wanted.provider, "reason": wanted.reason})
    return made


def campaigns(engine: Engine) -> list[CampaignRow]:
    """The newest first."""
    with engine.read() as db:
        rows = sql(db, f"SELECT {_COLUMNS} FROM campaigns ORDER BY id DESC").fetchall()
    return [_row(row) for row in rows]


def close_campaign(engine: Engine, number: int, at: datetime) -> None:
    with engine.change() as db:
        if not sql(db, "UPDATE campaigns SET closed_at = ? WHERE id = ? AND closed_at IS NULL", (to_ms(at), number)).rowcount:
            raise WrongState(f"campaign {number}: does not exist or is closed already; see campaign list")
        audit.append(engine, db, "campaign.close", str(number), {"at": at.isoformat()})


def join(engine: Engine, purpose: str, call_id: str, profile: str, agent: str, now: datetime) -> bool:
    """Whether an active campaign takes this call; it then counts, under the write lock, so that the count is hard. It is asked for each
    agent who comes to the call, and the call counts once."""
    with engine.change() as db:
        rows = sql(db, f"SELECT {_COLUMNS} FROM campaigns WHERE purpose = ? AND closed_at IS NULL ORDER BY id", (purpose,)).fetchall()
        (tenant,) = sql(db, "SELECT tenant FROM calls WHERE id = ?", (call_id,)).fetchone() or (None,)
        joined = {number for (number,) in sql(db, "SELECT campaign_id FROM campaign_calls WHERE call_id = ?", (call_id,))}
        for campaign in map(_row, rows):
            if campaign.id in joined:
                return True
            if campaign.tenant == tenant and campaign.active(now) and campaign.covers(profile, agent):
                sql(db, "UPDATE campaigns SET taken = taken + 1 WHERE id = ?", (campaign.id,))
                sql(db, "INSERT INTO campaign_calls (campaign_id, call_id) VALUES (?, ?)", (campaign.id, call_id))
                audit.append(engine, db, "campaign.take", call_id, {"campaign": str(campaign.id), "at": now.isoformat()})
                return True
    return False


def hand_over(engine: Engine, recording_id: str, to: str, at: datetime) -> None:
    """Notes that a copy goes to the provider of the recording's campaign; to nobody else, and for no other recording (R25)."""
    with engine.change() as db:
        found = sql(
            db,
            "SELECT c.id, c.provider, r.state FROM recordings r JOIN campaign_calls k ON k.call_id = r.call_id "
            "JOIN campaigns c ON c.id = k.campaign_id "
            "JOIN recording_purposes p ON p.recording_id = r.id AND p.name = c.purpose AND p.withdrawn_at IS NULL WHERE r.id = ?",
            (recording_id,),
        ).fetchone()
        if found is None:
            raise WrongState(f"recording {recording_id}: was not made for a campaign; only those may be handed over")
        number, provider, state = found
        if state != State.SEALED.value:
            raise WrongState(f"recording {recording_id}: is {state}; only a sealed recording can be handed over")
        if provider != to:
            raise WrongState(f"recording {recording_id}: campaign {number} names {provider}, not {to}; open another campaign")
        audit.append(engine, db, "recording.hand-over", recording_id, {"campaign": str(number), "to": to, "at": at.isoformat()})


def _row(row: tuple[int, str, str, str, int, int, int, int, str, str, int | None, str | None]) -> CampaignRow:
    number, purpose, extensions, profiles, from_at, to_at, most, taken, provider, reason, closed_at, tenant = row
    return CampaignRow(
        number, purpose, tuple(json.loads(extensions)), tuple(json.loads(profiles)), from_ms(from_at), from_ms(to_at), most, taken,
        provider, reason, from_ms_or_none(closed_at), tenant,
    )  # fmt: skip

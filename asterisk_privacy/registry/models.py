"""The tables as peewee sees them. The migrations make them; a test holds the two together.

Models are bound to no database: each query is told which file it runs on, so that two registries can be open in one process.
Times are integer milliseconds UTC.
"""

from __future__ import annotations

from peewee import AutoField, BigIntegerField, BlobField, BooleanField, CompositeKey, IntegerField, Model, TextField


class Call(Model):
    id = TextField(primary_key=True)
    profile = TextField()
    direction = TextField()
    begun_at = BigIntegerField()
    ended_at = BigIntegerField(null=True)
    outcome = TextField(null=True)
    customer_hash = TextField(null=True)
    customer_sealed = BlobField(null=True)
    spans = TextField()  # JSON: [[kind, start_ms, end_ms], ...]
    marks = TextField()  # JSON: [[kind, at_ms], ...]
    node = TextField(null=True)  # whose PBX; see m0008_node
    tenant = TextField(null=True)  # which company's, where there are several; see m0011_tenants

    class Meta:
        table_name = "calls"


class Consent(Model):
    id = AutoField()
    call_id = TextField()
    at = BigIntegerField()
    kind = TextField()
    pressed = TextField(null=True)
    detail = TextField()

    class Meta:
        table_name = "consents"


class Recording(Model):
    id = TextField(primary_key=True)
    call_id = TextField()
    part = IntegerField()
    state = TextField()
    recorded_at = BigIntegerField()
    sealed_at = BigIntegerField(null=True)
    duration_ms = BigIntegerField(null=True)
    size = BigIntegerField(null=True)
    sha256 = TextField(null=True)
    truncated = BooleanField()
    marked = BooleanField(default=False)
    promise_set = IntegerField(null=True)  # kept by triggers, as the next; see m0007_due
    eventful = IntegerField(default=0)
    state_at = BigIntegerField()
    state_reason = TextField()
    evidence = TextField(null=True)
    sealed_to = TextField(null=True)  # fingerprints of public keys, a space between
    deidentified = TextField(null=True)  # how a person was taken out of it
    node = TextField(null=True)  # on whose disk it is, or was last
    place = IntegerField(null=True)  # in which bucket; see m0009_places
    tenant = TextField(null=True)  # its call's
    pieces = BlobField(null=True)  # hashes; see store/pieces.py
    checked_at = BigIntegerField(default=0)  # when its file was last read whole and compared; 0: never
    found_due = BigIntegerField(null=True)  # its end, as a purge found it that let it lie; see m0020_found_due

    class Meta:
        table_name = "recordings"


class RecordingPurpose(Model):
    recording_id = TextField()
    name = TextField()
    title = TextField()
    basis = TextField()
    reasoning = TextField()
    criterion = TextField()  # JSON of policy.retention.criterion_to_mapping
    added_at = BigIntegerField()
    withdrawn_at = BigIntegerField(null=True)  # the customer objected to this purpose
    withdrawn_why = TextField(null=True)

    class Meta:
        table_name = "recording_purposes"
        primary_key = CompositeKey("recording_id", "name")


class MilestoneEntry(Model):
    id = AutoField()
    recording_id = TextField()
    kind = TextField()
    at = BigIntegerField()
    by = TextField()
    note = TextField()

    class Meta:
        table_name = "milestones"


class Purge(Model):
    id = AutoField()
    at = BigIntegerField()
    planned = IntegerField()
    deleted = IntegerField()
    failed = IntegerField()
    dry_run = BooleanField()
    node = TextField(null=True)

    class Meta:
        table_name = "purges"


class AuditEntry(Model):
    seq = IntegerField(primary_key=True)
    at = BigIntegerField()
    actor = TextField()
    action = TextField()
    subject = TextField()
    detail = TextField()  # canonical JSON object of strings
    prev = TextField()
    hash = TextField()
    chain = TextField(default="")  # seq counts within it; see m0010_chains

    class Meta:
        table_name = "audit"


class AuditHead(Model):
    chain = TextField(primary_key=True)
    entries = IntegerField()
    hash = TextField()
    tenant = TextField(null=True)

    class Meta:
        table_name = "audit_head"


ALL: tuple[type[Model], ...] = (Call, Consent, Recording, RecordingPurpose, MilestoneEntry, Purge, AuditEntry, AuditHead)

"""Two companies in one registry: neither sees or writes a row of the other, whatever it asks the database."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial

import psycopg
import pytest
from postgres_server import PostgresServer
from registry_samples import LATER, T0
from registry_users import Users, record, users

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.policy.row_life import RowLife
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.campaigns import Designation
from asterisk_privacy.registry.grants import Role, grants
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State, WrongState
from asterisk_privacy.registry.separation import EXEMPT, POLICIES, TRAIL
from asterisk_privacy.registry.tenants import TenantUser

__all__ = ["users"]
COMPANIES = ("acme", "beta")


@pytest.fixture
def both(users: Users) -> Users:
    """A customer called both; each company wrote down about him whatever can be written down."""
    users.add("pbx", Role.RECORDER, Role.PURGER)
    for company in COMPANIES:
        users.add(company, Role.REVIEWER, tenant=company)
    recorder = users.open("pbx")
    for company in COMPANIES:
        reviewer = users.open(company)
        reviewer.open_campaign(Designation("complaint", ["anna"], ["sales"], (T0, LATER), 9, "Telco", "echo"))
        record(recorder, company, company)
        assert recorder.join_campaign("complaint", f"c-{company}", "sales", "PJSIP/anna", T0)
        place = recorder.draw_place("complaint", f"PJSIP/{company}", "2026-03", 1, lambda n: 0)
        assert place is not None
        recorder.take_place(place, f"r-{company}")
        reviewer.milestone(f"r-{company}", Milestone.REVIEWED, LATER, company, "well done")
        reviewer.open_case("complaint", "K-1", LATER, company)
        reviewer.link_case("K-1", f"r-{company}", LATER, company)
        reviewer.place_hold(LATER, company, "claim", [company], case="K-1")
        reviewer.lesson(f"r-{company}", LATER + timedelta(days=9), LATER, company, "good")
        reviewer.restrict(f"r-{company}", LATER, "contested")
        reviewer.open_request("access", "number", "the same number", "seen", T0.date(), LATER.date())
        reviewer.audit(company, "review.sign-in", company, {})
    return users


def test_every_table_has_a_policy_or_a_reason_to_have_none(registry: Registry, server: Server) -> None:
    with psycopg.connect(server.url) as db:
        tables = {name for (name,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        made = db.execute("SELECT tablename, cmd, permissive FROM pg_policies WHERE policyname = 'tenants'").fetchall()
    assert tables == POLICIES.keys() | EXEMPT.keys() and not POLICIES.keys() & EXEMPT.keys()
    assert sorted(made) == sorted((table, "SELECT" if table in TRAIL else "ALL", "PERMISSIVE") for table in POLICIES)
    assert all(EXEMPT.values())


@pytest.fixture
def place(server: Server) -> Server:
    return server


def test_nothing_is_switched_on_before_somebody_is_listed_and_then_all_of_it(users: Users) -> None:
    users.add("pbx", Role.RECORDER)
    query = "SELECT count(*) FROM pg_class WHERE relrowsecurity AND relname <> 'tenant_users'"
    with psycopg.connect(users.server.url, autocommit=True) as db:
        assert db.execute(query).fetchone() == (0,)
        users.add("acme", Role.REVIEWER, tenant="acme")
        assert db.execute(query).fetchone() == (len(POLICIES) - 1,)


def test_of_each_table_each_sees_its_own_rows_and_the_hoster_all(both: Users) -> None:
    for table in sorted(POLICIES.keys() - {"tenant_users", "quota_counts", "findings"}):
        _is_kept_apart(both, table)


def _is_kept_apart(both: Users, table: str) -> None:
    with both.plain("acme") as acme, both.plain("beta") as beta, both.plain("pbx") as pbx:
        query = f"SELECT {table}::text FROM {table}" + (" WHERE tenant IS NOT NULL" if table == "audit_head" else "")
        mine, theirs, all_ = (set(db.execute(query.encode()).fetchall()) for db in (acme, beta, pbx))
        assert mine and theirs and not mine & theirs and mine | theirs <= all_, table
        assert table.startswith("audit") or mine | theirs == all_, table
        if table in TRAIL:
            return
        for narrowed, seen in (("acme", mine), ("beta", theirs), ("gamma", set())):
            pbx.execute("SELECT set_config('asterisk_privacy.tenant', %s, FALSE)", (narrowed,))
            assert set(pbx.execute(query.encode()).fetchall()) == seen, table


REACHING = (
    "SELECT id FROM recordings WHERE id = 'r-beta' OR TRUE AND id LIKE '%beta'",
    "SELECT r.id FROM purges p RIGHT JOIN recordings r ON TRUE WHERE r.id = 'r-beta'",
    "SELECT m.note FROM milestones m WHERE m.recording_id = 'r-beta'",
    "SELECT subject FROM audit WHERE subject IN ('r-beta', 'c-beta', 'beta')",
    "SELECT * FROM quota_counts",
    "SELECT * FROM tenant_users WHERE tenant = 'beta'",
    "WITH x AS (UPDATE recordings SET eventful = 0 WHERE id = 'r-beta' RETURNING id) SELECT * FROM x",
    "UPDATE cases SET closed_at = 1 WHERE id IN (SELECT case_id FROM case_links) AND tenant = 'beta' RETURNING id",
    "UPDATE legal_holds SET released_at = 1, released_by = 'x' WHERE placed_by = 'beta' RETURNING id",
    "UPDATE requests SET outcome = 'x', closed_at = 1, subject = NULL WHERE opened_by = 'beta' RETURNING id",
    "SELECT set_config('asterisk_privacy.tenant', 'beta', FALSE) WHERE FALSE",
)


def test_what_reaches_for_the_others_rows_reaches_nothing(both: Users) -> None:
    with both.plain("acme") as db:
        for narrowed in ("acme", "beta"):
            db.execute("SELECT set_config('asterisk_privacy.tenant', %s, FALSE)", (narrowed,))
            for statement in REACHING:
                assert db.execute(statement.encode()).fetchall() == [], statement
        assert db.execute("SELECT * FROM calls").fetchall() == []


def test_a_function_a_temporary_table_and_copy_reach_no_further(both: Users) -> None:
    with both.plain("acme") as db:
        db.execute("CREATE FUNCTION pg_temp.all_of_them() RETURNS SETOF text LANGUAGE sql AS 'SELECT id FROM recordings'")
        db.execute("CREATE TEMPORARY TABLE tenant_users (db_user text, tenant text)")
        assert db.execute("SELECT pg_temp.all_of_them()").fetchall() == [("r-acme",)]
        with db.cursor() as cursor, cursor.copy("COPY recordings (id) TO STDOUT") as copy:
            assert b"".join(bytes(piece) for piece in copy) == b"r-acme\n"
        db.execute(  # a condition that tells what it sees must not be asked of rows that are not seen
            """CREATE FUNCTION pg_temp.told(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
            $$ BEGIN IF $1 LIKE '%beta%' THEN RAISE EXCEPTION 'seen %', $1; END IF; RETURN TRUE; END $$"""
        )
        assert db.execute("SELECT id FROM recordings WHERE pg_temp.told(id)").fetchall() == [("r-acme",)]


FOREIGN = (
    "INSERT INTO milestones (recording_id, kind, at, by, note) VALUES ('r-beta', 'reviewed', 1, 'x', '')",
    "INSERT INTO lessons (recording_id, until, at, by, reason) VALUES ('r-beta', 1, 1, 'x', '')",
    "INSERT INTO restrictions (recording_id, at, by, reason, except_for) VALUES ('r-beta', 1, 'x', '', '')",
    "INSERT INTO legal_holds (recording_id, placed_at, placed_by, reason, listeners) VALUES ('r-beta', 1, 'x', '', '')",
    "INSERT INTO case_links (case_id, recording_id, at, by) SELECT id, 'r-beta', 1, 'x' FROM cases",
    "INSERT INTO cases (kind, reference, opened_at, tenant) VALUES ('complaint', 'K-2', 1, 'beta')",
    "INSERT INTO cases (kind, reference, opened_at, tenant) VALUES ('complaint', 'K-2', 1, NULL)",
    "UPDATE cases SET tenant = 'beta'",
    "DELETE FROM case_links",
    "UPDATE writers SET nothing = 1",
    "UPDATE claims SET number = 1",
    "UPDATE tenant_turns SET tenant = 'beta'",
    "INSERT INTO audit (chain, seq, at, actor, action, subject, detail, prev, hash) "
    "SELECT chain, entries + 1, 1, 'x', 'x', 'r-beta', '', hash, 'x' FROM audit_head WHERE chain = 'node-pbx'",
    "INSERT INTO audit_head (chain, entries, hash, tenant) "
    "VALUES ('x', 0, encode(sha256(convert_to('asterisk-privacy audit chain x', 'UTF8')), 'hex'), NULL)",
    "INSERT INTO audit (chain, seq, at, actor, action, subject, detail, prev, hash) "
    "SELECT '', entries + 1, 1, 'x', 'x', 'x', '', hash, 'x' FROM audit_head WHERE chain = ''",
    "INSERT INTO tenant_users VALUES ('x', 'acme')",
    "UPDATE tenant_users SET tenant = 'beta'",
    "DELETE FROM tenant_users",
    "ALTER TABLE recordings DISABLE ROW LEVEL SECURITY",
    "SET row_security = off; SELECT * FROM calls",
    "SET ROLE pbx",
    "SET SESSION AUTHORIZATION beta",
)


def test_nothing_is_written_among_the_others_rows(both: Users) -> None:
    for statement in FOREIGN:
        with both.plain("acme") as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(statement.encode())
            pytest.fail(statement)


def test_a_role_that_sees_all_does_not_widen_who_is_listed(both: Users) -> None:
    both.owner("GRANT pbx TO acme")
    with both.plain("acme") as db:
        db.execute("SET ROLE pbx")
        assert db.execute("SELECT id FROM calls").fetchall() == [("c-acme",)]


def test_what_it_links_it_unlinks_and_nobody_elses(both: Users) -> None:
    with both.plain("acme") as acme, both.plain("pbx") as pbx:
        for case_id, recording_id in pbx.execute("SELECT case_id, recording_id FROM case_links").fetchall():
            acme.execute("SELECT unlink_case(%s, %s)", (case_id, recording_id))
        assert pbx.execute("SELECT recording_id FROM case_links").fetchall() == [("r-beta",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            pbx.execute("SELECT unlink_case(1, 'r-beta')")


def test_each_works_as_if_it_were_alone(both: Users) -> None:
    both.open("pbx").note_purge(LATER, 0, 0, 0, False)  # the first chain tells of new ones at night
    for company, other in (COMPANIES, COMPANIES[::-1]):
        mine = both.open(company)
        assert mine.tenants.here == company and mine.tenants.kept() == {company: 1}
        assert (
            [row.id for row in mine.recordings()] == [row.id for row in mine.recordings_of(hashes=["the same number"])] == [f"r-{company}"]
        )
        assert mine.call(f"c-{other}") is None and mine.recording(f"r-{other}") is None and mine.listens(f"r-{other}") == []
        assert [case.recordings for case in mine.cases("K-1")] == [(f"r-{company}",)] and len(mine.cases()) == 1
        assert len(mine.holds()) == len(mine.requests()) == len(mine.campaigns()) == len(mine.restrictions()) == 1
        told = {entry.subject for entry in mine.audit_entries(None)}
        assert {f"c-{company}", f"r-{company}", company, f"node-{company}"} <= told
        assert not {f"c-{other}", f"r-{other}", other, f"node-{other}"} & told
        for action in (
            partial(mine.milestone, f"r-{other}", Milestone.REVIEWED, LATER, "x", ""),
            partial(mine.link_case, "K-1", f"r-{other}", LATER, "x"),
            partial(mine.restrict, f"r-{other}", LATER, "x"),
        ):
            with pytest.raises(OperatorError):
                action()


def test_the_hoster_deletes_for_all_and_the_trail_is_one(both: Users) -> None:
    hoster = both.open("pbx")
    for company in COMPANIES:
        with both.plain(company) as db:
            db.execute("UPDATE legal_holds SET released_at = 1, released_by = 'x', release_reason = 'x'")
            db.execute("UPDATE restrictions SET lifted_at = 1, lifted_why = 'x'")
            db.execute("UPDATE cases SET closed_at = 1")
    with hoster.only_one():
        for company in COMPANIES:
            hoster.mark_purging(f"r-{company}", LATER, "due")
            hoster.mark_purged(f"r-{company}", LATER, "due", '{"found": true}')
    assert {row.state for row in hoster.recordings()} == {State.PURGED} and hoster.verify_audit().ok
    assert hoster.expire(LATER + timedelta(days=900), RowLife(10, 400)).evidence == 2


def test_a_case_of_the_hoster_becomes_its_first_recordings_and_takes_no_others(both: Users) -> None:
    hoster = both.open(both.add("office", Role.REVIEWER))
    with pytest.raises(WrongState, match="2 tenants have one of that name"):
        hoster.link_case("K-1", "r-acme", LATER, "office")
    hoster.open_case("complaint", "H-1", LATER, "office")
    assert both.open("acme").cases("H-1") == []
    hoster.link_case("H-1", "r-acme", LATER, "office")
    assert len(both.open("acme").cases("H-1")) == 1 and both.open("beta").cases("H-1") == []
    with pytest.raises(WrongState, match="is of acme, and recording r-beta is of beta"):
        hoster.link_case("H-1", "r-beta", LATER, "office")


def test_a_campaign_takes_its_own_companys_calls_only(both: Users) -> None:
    recorder, office = both.open("pbx"), both.open(both.add("office", Role.REVIEWER))
    office.open_campaign(Designation("fault", [], ["sales"], (T0, LATER), 9, "Telco", "echo", "beta"))
    assert not recorder.join_campaign("fault", "c-acme", "sales", "PJSIP/anna", T0)
    assert recorder.join_campaign("fault", "c-beta", "sales", "PJSIP/anna", T0)
    assert [row.purpose for row in both.open("beta").campaigns()] == ["fault", "complaint"]


def test_who_is_listed_stays_listed_for_as_long_as_he_can_sign_in(both: Users) -> None:
    with pytest.raises(psycopg.errors.IntegrityError, match="DROP ROLE acme first"):
        both.owner("DELETE FROM tenant_users WHERE db_user = 'acme'")
    with pytest.raises(psycopg.errors.IntegrityError):
        both.owner("UPDATE tenant_users SET db_user = 'x' WHERE db_user = 'acme'")
    both.owner("INSERT INTO tenant_users VALUES ('gone', 'acme')", "DELETE FROM tenant_users WHERE db_user = 'gone'")


def test_who_sees_all_in_spite_of_it_is_named(both: Users, postgres: PostgresServer) -> None:
    both.owner("INSERT INTO tenant_users VALUES ('tester', 'acme'), ('gone', 'beta')")
    assert both.open("pbx").tenants.users() == [
        TenantUser("acme", "acme", True, False),
        TenantUser("tester", "acme", True, True),
        TenantUser("beta", "beta", True, False),
        TenantUser("gone", "beta", False, False),
    ]
    assert [user.name for user in both.open("beta").tenants.users()] == ["beta"]


def test_who_asks_for_one_company_gets_no_registry_that_shows_all(users: Users) -> None:
    users.add("office", Role.REVIEWER)
    for name in ("office", "tester"):
        with pytest.raises(OperatorError, match=f"user {name} would see the rows of all tenants: .*--tenant acme"):
            users.open(name, "acme")
    users.add("acme", Role.REVIEWER, tenant="acme")
    assert users.open("office", "acme").tenants.here == "acme" and users.open("office").tenants.here is None
    assert users.open("acme", "beta").tenants.here == ""
    assert (users.open("acme", "beta").tenants.bound, users.open("office", "acme").tenants.bound) == ("acme", None)


def test_a_part_of_the_trail_is_verified_as_a_part(both: Users) -> None:
    whole, part = both.open("pbx").verify_audit(), both.open("acme").verify_audit()
    assert whole.ok and part.ok and part.entries < whole.entries
    assert part.why.startswith(f"a part only: the {part.entries} entries that tenant acme sees") and [c.chain for c in part.chains] == [
        "node-acme"
    ]
    for where in ("subject = 'r-acme' AND chain = 'node-pbx'", "subject = 'acme'"):
        both.owner("SET session_replication_role = replica", "BEGIN", f"UPDATE audit SET actor = 'nobody' WHERE {where}", "COMMIT")
        found = both.open("acme").verify_audit()
        assert not found.ok and "was changed: its hash does not fit it" in found.why
        both.owner(
            "SET session_replication_role = replica",
            f"UPDATE audit SET actor = CASE chain WHEN 'node-pbx' THEN 'pbx' ELSE 'acme' END WHERE {where}",
        )
    assert both.open("acme").verify_audit().ok


def test_who_works_for_one_company_writes_into_his_own_nodes_chain(both: Users) -> None:
    hoster = both.open("pbx", "acme")
    assert [row.id for row in hoster.recordings()] == ["r-acme"]
    hoster.audit("pbx", "said", "something", {})
    both.open("beta").audit("beta", "recording.listen-refused", "r-acme", {})
    assert "beta" not in {entry.actor for entry in both.open("acme").audit_entries(None)}
    assert hoster.verify_audit().ok and hoster.audit_entries(1)[0].subject == "something"


def test_who_cannot_be_listed_is_granted_nothing(users: Users) -> None:
    """psql goes on behind a statement that failed."""
    users.postgres.execute("CREATE ROLE late LOGIN")
    users.made.append("late")
    users.owner("ALTER TABLE tenant_users RENAME TO elsewhere")
    with psycopg.connect(users.server.url, autocommit=True) as db:
        for statement in grants(Role.REVIEWER, "late", "acme"):
            with suppress(psycopg.Error):
                db.execute(statement.encode())
    users.owner("ALTER TABLE elsewhere RENAME TO tenant_users")
    with users.plain("late") as late, pytest.raises(psycopg.errors.InsufficientPrivilege):
        late.execute("SELECT * FROM calls")

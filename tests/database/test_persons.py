"""People: roles that the database knows, invitations, passwords, and a service that acts in their name."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors, installation
from gilgamesh_db.database import open_engine
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit

PASSWORD = "correct horse battery"  # noqa: S105


@pytest.fixture
def named(server: Any) -> Iterator[Any]:
    """Names that no other test uses: roles belong to the server. They are dropped afterwards."""
    suffix = uuid.uuid4().hex[:8]
    used: list[str] = []

    def name(stem: str) -> str:
        used.append(f"{stem}_{suffix}")
        return used[-1]

    yield name
    for one in used:
        server.execute(f"drop role if exists {one}")


def connect_as(db: gilgamesh.Database, name: str) -> gilgamesh.Database:
    return gilgamesh.connect(db.engine.url.set(username=name, drivername="postgresql").render_as_string(False))


def test_a_person_is_a_role_that_may_do_what_the_level_says(db: gilgamesh.Database, named: Any) -> None:
    anna, boris, carl = named("anna"), named("boris"), named("carl")
    db.persons.create(anna, "admin", "Anna Weber")
    with connect_as(db, anna) as admin:
        admin.persons.create(boris, "operator")
        admin.persons.create(carl)
        with admin.edit("an admin edits, too") as edit:
            edit.add_component("shunt7", "Shunt")
    with connect_as(db, boris) as operator:
        with operator.edit("a shunt") as edit:
            edit.add_component("shunt9", "Shunt")
        for refused in (operator.persons.create, operator.persons.invite, operator.persons.deactivate):
            with pytest.raises(errors.NotPermitted):
                refused(carl)
    with connect_as(db, carl) as reader:
        assert reader.persons.table().Level.to_dict() == {anna: "admin", boris: "operator", carl: "reader"}
        with pytest.raises(errors.NotPermitted), reader.edit("no right"):
            pass
    assert db.sql("select author, role from gilgamesh.edit where reason = 'a shunt'").iloc[0].tolist() == [boris, boris]
    db.persons.set_level(boris, "reader")
    with connect_as(db, boris) as demoted, pytest.raises(errors.NotPermitted), demoted.edit("not any more"):
        pass
    db.persons.deactivate(boris)
    with pytest.raises(errors.ServerError, match="not permitted to log in"):
        connect_as(db, boris)
    db.persons.activate(boris)
    connect_as(db, boris).close()


@pytest.mark.parametrize(
    "name", ["Anna", "", "pg_anna", "gilgamesh_reader", "anna weber", 'a"; drop', "a" * 33, "1anna"]
)
def test_a_name_that_is_no_role_is_refused(db18: gilgamesh.Database, name: str) -> None:
    with pytest.raises(errors.InvalidValue, match="cannot be the name of a person"):
        db18.persons.create(name)


def test_a_role_of_somebody_else_is_not_taken_over(db: gilgamesh.Database, server: Any, named: Any) -> None:
    backup, nurse = named("backup"), named("nurse")
    server.execute(f"create role {backup} login")
    server.execute(f"create role {nurse} login in role gilgamesh_reader createdb")
    for name in (backup, nurse, "postgres"):
        with pytest.raises(errors.ConflictError, match="not a person of this testbed"):
            db.persons.create(name, "operator")
        with pytest.raises(errors.PersonNotFound):
            db.persons.set_level(name, "operator")
    server.execute(f"grant gilgamesh_reader to {backup}")
    db.persons.create(backup, "operator")
    with connect_as(db, backup) as now, now.edit("may edit") as edit:
        edit.add_component("shunt9", "Shunt")


def test_the_last_admin_stays_one(db: gilgamesh.Database, named: Any) -> None:
    anna, boris = named("anna"), named("boris")
    db.persons.create(anna, "admin")
    for refused in (lambda: db.persons.set_level(anna, "reader"), lambda: db.persons.deactivate(anna)):
        with pytest.raises(errors.ConflictError, match="the only admin"):
            refused()
    db.persons.create(boris, "admin")
    db.persons.deactivate(anna)
    with pytest.raises(errors.ConflictError, match="the only admin"):
        db.persons.deactivate(boris)


def test_an_invitation_sets_a_password_once(db: gilgamesh.Database, named: Any) -> None:
    anna = named("anna")
    db.persons.create(anna, "operator", "Anna Weber")
    first, second = db.persons.invite(anna), db.persons.invite(anna)
    assert first.expires_at > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=6)
    with pytest.raises(errors.NotPermitted, match="used already, taken back, or is too old"):
        db.persons.accept(first.secret, PASSWORD)
    for bad, said in (
        ("short", "at least 10"),
        ("aaaaaaaaaaaa", "again and again"),
        (anna + "123", "the name"),
        ("x1y" * 400, "at most"),
    ):
        with pytest.raises(errors.InvalidValue, match=said):
            db.persons.accept(second.secret, bad)
    assert db.persons.recognise(anna, PASSWORD) is None
    person = db.persons.accept(second.secret, PASSWORD)
    assert (person.name, person.level, person.full_name) == (anna, "operator", "Anna Weber")
    with pytest.raises(errors.NotPermitted):
        db.persons.accept(second.secret, "another long password")
    assert db.persons.recognise(anna, PASSWORD) == person
    assert db.persons.recognise(anna, PASSWORD + " ") is None
    assert db.persons.recognise("nobody", PASSWORD) is None
    with pytest.raises(errors.NotPermitted, match="old password"):
        db.persons.change_password(anna, "wrong password", "a new long password")
    login = db.persons.open(anna, "session", "Firefox", datetime.timedelta(days=1))
    token = db.persons.open(anna, "token", "script", datetime.timedelta(days=1))
    db.persons.change_password(anna, PASSWORD, "a new long password")
    assert db.persons.holder(login, "session") is None
    assert db.persons.holder(token, "token") == person
    assert db.persons.recognise(anna, "a new long password") == person
    assert list(db.persons.audit(anna).Action) == [
        "changed the password",
        "accepted the invitation",
        "invited",
        "invited",
        "created",
    ]


def test_logins_and_tokens_end(db: gilgamesh.Database, named: Any) -> None:
    anna, boris = named("anna"), named("boris")
    db.persons.create(anna)
    db.persons.create(boris)
    hour = datetime.timedelta(hours=1)
    login, token = db.persons.open(anna, "session", "Firefox", hour), db.persons.open(anna, "token", "script", hour)
    assert db.persons.holder(login, "token") is None
    assert db.persons.held(anna).Kind.tolist() == ["token", "session"]
    identity = int(db.persons.held(anna, "token").index[0])
    assert not db.persons.end_held(identity, boris)
    assert db.persons.end_held(identity, anna)
    assert db.persons.holder(token, "token") is None
    db.persons.end(login)
    assert db.persons.holder(login, "session") is None
    login = db.persons.open(anna, "session", "Firefox", hour)
    with db.transaction() as connection:
        connection.execute(
            sa.text(
                "update gilgamesh.credential set created_at = now() - interval '2 h', expires_at = now() - interval '1 h'"
            )
        )
    assert db.persons.holder(login, "session") is None
    login = db.persons.open(anna, "session", "Firefox", hour)
    assert db.persons.holder(login, "session") is not None
    left = db.persons.held(anna, "session").Expires.iloc[0] - datetime.datetime.now(datetime.UTC)
    assert left > datetime.timedelta(days=13)  # a screen on the wall is not logged out while it is looked at
    db.persons.deactivate(anna)
    assert db.persons.holder(login, "session") is None
    with pytest.raises(errors.ConflictError, match="shut out"):
        db.persons.invite(anna)
    db.persons.activate(anna)
    assert db.persons.holder(login, "session") is None


SECRETS = (
    "select * from gilgamesh.person",
    "select password_hash from gilgamesh.person",
    "select p from gilgamesh.person p",
    "select sha256 from gilgamesh.credential",
    "select gilgamesh.person_named('anna')",
    "select gilgamesh.note_audit('forged')",
    "update gilgamesh.person set level = 'admin'",
    "insert into gilgamesh.credential (kind, person, sha256, created_by, expires_at) values ('session', 'x', '', 'x', now())",
    "set role postgres",
)


@pytest.mark.parametrize("level", ["reader", "operator", "admin"])
def test_nobody_but_the_owner_reads_a_secret(db18: gilgamesh.Database, server18: Any, level: Any) -> None:
    name = f"p_{uuid.uuid4().hex[:8]}"
    db18.persons.create(name, level)
    try:
        with connect_as(db18, name) as person:
            assert person.persons.table().Level[name] == level
            for statement in SECRETS:
                with pytest.raises((errors.NotPermitted, errors.InvalidValue), match="permission denied"):
                    person.sql(statement)
            for statement in ("select * from gilgamesh.audit", "select id, person from gilgamesh.credential"):
                if level == "admin":
                    person.sql(statement)
                else:
                    with pytest.raises(errors.NotPermitted):
                        person.sql(statement)
    finally:
        server18.execute(f"drop role {name}")


def test_a_service_acts_in_the_name_of_a_person(db: gilgamesh.Database, named: Any) -> None:
    simulator.install_testbed(db)
    commit(db, simulator.simulate_shot(1234, duration=0.05, rate=20_000.0).plan)
    anna, boris = named("anna"), named("boris")
    db.persons.create(anna, "operator")
    db.persons.create(boris)
    operator, reader = db.acting_as(anna), db.acting_as(boris)
    assert len(reader.signal("Lang_I", 1234).values) == 1000
    who = "select gilgamesh.acting_role() as role"
    assert [d.reader.rows(who, ())[0].role for d in (operator, db, reader, operator.today())] == [
        anna,
        "postgres",
        boris,
        anna,
    ]
    assert [d.sql(who).role[0] for d in (operator, db, reader, operator.known_at(datetime.datetime.now(datetime.UTC)))] == [
        anna, "postgres", boris, anna]  # fmt: skip
    with operator.edit("recalibrated") as edit:
        edit.calibrate("shunt1", Polynomial((0.0, -0.0101)), "V", "A")
    assert db.sql("select author, role from gilgamesh.edit order by id desc limit 1").iloc[0].tolist() == [anna, anna]
    operator.layouts["mine"] = ["Lang_I"]
    assert db.sql("select edited_by from gilgamesh.layout").iloc[0, 0] == anna
    with operator.what_if("tried") as tried:
        tried.calibrate("shunt1", Polynomial((0.0, -0.02)), "V", "A")
    for refused in (
        lambda: reader.edit("no right").__enter__(),
        lambda: reader.what_if("no right").__enter__(),
        lambda: reader.layouts.__setitem__("x", ["Lang_I"]),
        lambda: reader.persons.create("x"),
        lambda: operator.persons.create("x"),
        lambda: reader.recording(2000).__enter__(),
        lambda: reader.sql("select password_hash from gilgamesh.person"),
        lambda: reader.reader.rows("select password_hash from gilgamesh.person", ()),
    ):
        with pytest.raises(errors.NotPermitted):
            refused()
    with pytest.raises(errors.InvalidValue, match="cannot act as"):
        reader.map_shots(len, [1234])
    with pytest.raises(errors.UserError, match="only the owner"), operator.edit("back-dated", recorded_at="2026-06-01"):
        pass
    with pytest.raises((errors.GilgameshError, sa.exc.DBAPIError)):
        db.acting_as("nobody_of_this_name").shots()
    db.persons.deactivate(boris)
    with pytest.raises(errors.NotPermitted):
        reader.shots()


def test_an_upgrade_lays_the_roles_of_a_restored_database_again(
    db: gilgamesh.Database, server: Any, named: Any
) -> None:
    anna = named("anna")
    db.persons.create(anna, "operator")
    server.execute(f"drop role {anna}")
    with pytest.raises(errors.GilgameshError):
        connect_as(db, anna)
    installation.upgrade(db.engine)
    with connect_as(db, anna) as operator, operator.edit("again") as edit:
        edit.add_component("shunt9", "Shunt")


def test_an_owner_who_is_no_superuser_serves_persons_too(server: Any, named: Any) -> None:
    owner, anna = named("owner"), named("anna")
    server.template()  # our three roles are there
    server.execute(f"create role {owner} login createrole")
    for level in ("reader", "operator", "admin"):
        server.execute(f"grant gilgamesh_{level} to {owner} with admin option")
    name = f"test_{uuid.uuid4().hex[:12]}"
    server.execute(f"create database {name} owner {owner}")
    url = sa.make_url(server.url(name)).set(username=owner).render_as_string(False)
    try:
        engine = open_engine(url)
        installation.create(engine)
        engine.dispose()
        with gilgamesh.connect(url) as db:
            db.persons.create(anna, "operator")
            db.persons.accept(db.persons.invite(anna).secret, PASSWORD)
            with db.acting_as(anna).edit("in her name") as edit:
                edit.add_component("shunt9", "Shunt")
            assert db.sql("select author, role from gilgamesh.edit").iloc[0].tolist() == [anna, anna]
            db.persons.deactivate(anna)
            with pytest.raises(errors.NotPermitted), db.acting_as(anna).edit("no more"):
                pass
        server.execute(f"alter role {owner} nocreaterole")
        with gilgamesh.connect(url) as db, pytest.raises(errors.InvalidValue, match="createrole"):
            db.persons.create(named("boris"))
    finally:
        server.execute(f"drop database {name} with (force)")
        server.execute(f"drop role if exists {anna}")
        server.execute(f"drop owned by {owner}")

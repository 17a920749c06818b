"""What a Secret says of a database: every form, its defaults, and a sentence without the Secret's texts for what is wrong."""

import pytest

from rostersync.errors import Permanent
from rostersync.stores.postgres.login import login

NAMED = "Secret w, which spec.store.postgres.writerSecretRef names"
KEYS = {"host": "db.example", "database": "rosters", "user": "writer", "password": "p'w\\"}
PEM = "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"


def parsed(**data: str) -> dict[str, str]:
    return dict(login(data, "w", NAMED).parameters)


def test_keys_have_the_safest_defaults() -> None:
    found = login(KEYS, "w", NAMED)
    assert found.where == "PostgreSQL at db.example:5432, database rosters, schema rostersync"
    assert (found.user, found.schema, found.reader, found.ca) == ("writer", "rostersync", "", "")
    assert found.parameters["sslmode"] == "verify-full"
    assert found.parameters["connect_timeout"] == "10"
    info = found.conninfo(found.parameters, "/ca.crt")
    assert r"password='p\'w\\'" in info
    assert "sslrootcert='/ca.crt'" in info
    assert "p'w" not in repr(found)


def test_the_rest_is_taken_as_it_is_given() -> None:
    more = {"port": "6432", "sslmode": "verify-ca", "ca.crt": PEM, "schema": "north", "reader": "reader\n"}
    found = login(KEYS | more, "w", NAMED)
    assert (found.schema, found.reader, found.ca) == ("north", "reader", PEM.strip())
    assert (found.parameters["port"], found.parameters["sslmode"]) == ("6432", "verify-ca")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("postgresql://u:p@db.example/rosters", ("db.example", "5432", "rosters", "u", "p", "verify-full")),
        ("postgres://u:p%40%2F%23@db:6432/r?sslmode=require", ("db", "6432", "r", "u", "p@/#", "require")),
        ("postgresql://u:a:b@[::1]:1/r", ("::1", "1", "r", "u", "a:b", "verify-full")),
        ("postgresql://u:p@one:1,two/r\n", ("one,two", "1,5432", "r", "u", "p", "verify-full")),
    ],
)
def test_a_uri_is_read(uri: str, expected: tuple[str, ...]) -> None:
    found = parsed(uri=uri)
    assert tuple(found[key] for key in ("host", "port", "dbname", "user", "password", "sslmode")) == expected


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "has no value for host and database and user and password"),
        (KEYS | {"password": " \n"}, "has no value for password; it needs the key uri, or the keys host"),
        (KEYS | {"port": "70000"}, "has a port that is no number from 1 to 65535"),
        (KEYS | {"port": "٥"}, "has a port that is no number from 1 to 65535"),
        (KEYS | {"sslmode": "hunter2"}, "has an sslmode that libpq does not know; use one of verify-full"),
        (KEYS | {"ca.crt": "hunter2"}, "has no certificate in PEM form under the key ca.crt"),
        (KEYS | {"schema": "a;hunter2"}, "has a schema that is no plain name"),
        (KEYS | {"schema": "pg_temp"}, "has a schema that is no plain name"),
        (KEYS | {"user": "hunter2\0"}, "holds a NUL character"),
        (
            {"uri": "mysql://u:hunter2@db/r"},
            "does not begin with postgresql://; write it as postgresql://USER:PASSWORD@",
        ),
        ({"uri": "postgresql://hunter2"}, "a uri without a user and a password and a database"),
        ({"uri": "postgresql://u:hunter2@/r"}, "a uri without a host"),
        ({"uri": "postgresql://u:hunter2@db/"}, "a uri without a database"),
        ({"uri": "postgresql://u:hunter2#x@db/r"}, "a uri without"),
        ({"uri": "postgresql://u:hunter2@db/r/more"}, "a # or / where none belongs"),
        ({"uri": "postgresql://u:hunter2@db:port/r"}, "has a port that is no number"),
        ({"uri": "postgresql://u:hunter2@db/r?sslkey=/etc/x"}, "a uri with sslkey, which is not taken"),
        ({"uri": "postgresql://u:hunter2@db/r?hunter2=1"}, "a uri with an option, which is not taken"),
        ({"uri": "postgresql://u:hunter2@db/r?sslmode"}, "a uri that cannot be read"),
        ({"uri": "postgresql://u:hunter2@[db/r"}, "a uri"),
    ],
)
def test_what_is_wrong_is_said_without_the_secret_s_texts(data: dict[str, str], said: str) -> None:
    with pytest.raises(Permanent) as error:
        login(data, "w", NAMED)
    assert error.value.reason == "SecretIncomplete"
    assert str(error.value).startswith(f"{NAMED}, ")
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None

"""Which addresses a database's login may contact: each host is looked up once, and one refused address refuses the login."""

import pytest

from rostersync.errors import Permanent, Retryable
from rostersync.sources.network import Network
from rostersync.stores.postgres.addresses import pinned, reached
from rostersync.stores.postgres.login import Login, login

NAMES = {
    "db.example": ["10.0.0.5"],
    "both.example": ["10.0.0.5", "fd00::5"],
    "cloud.example": ["169.254.169.254"],
    "half.example": ["10.0.0.5", "169.254.169.254"],
    "localhost": ["127.0.0.1", "::1"],
    "mapped.example": ["::ffff:169.254.169.254"],
    "127.0.0.1": ["127.0.0.1"],
    "192.168.1.4": ["192.168.1.4"],
}


def resolve(host: str, _: int) -> list[str]:
    if host not in NAMES:
        raise OSError
    return NAMES[host]


JOB, TRIAL = Network(guarded=True, resolve=resolve), Network(guarded=True, loopback=True, resolve=resolve)


def asked(hosts: str) -> Login:
    return login({"uri": f"postgresql://u:p@{hosts}/rosters"}, "rosters-reader", "Secret rosters-reader")


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("db.example", ("db.example", "10.0.0.5", "5432")),
        ("192.168.1.4:6432", ("192.168.1.4", "192.168.1.4", "6432")),
        ("both.example:1", ("both.example,both.example", "10.0.0.5,fd00::5", "1,1")),
        ("gone.example:1,db.example:2", ("db.example", "10.0.0.5", "2")),
        ("both.example:1,db.example:2", ("both.example,both.example,db.example", "10.0.0.5,fd00::5,10.0.0.5", "1,1,2")),
    ],
)
def test_each_host_gets_its_addresses(hosts: str, expected: tuple[str, str, str]) -> None:
    found = pinned(asked(hosts), JOB)
    assert (found["host"], found["hostaddr"], found["port"]) == expected
    assert found["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    ("hosts", "why"),
    [
        ("cloud.example", "a link-local address"),
        ("mapped.example", "a link-local address"),
        ("half.example", "a link-local address"),
        ("db.example,cloud.example", "a link-local address"),
        ("localhost", "a loopback address"),
        ("127.0.0.1:5432", "a loopback address"),
        ("%2Fvar%2Frun%2Fpostgresql", "a socket of the Job's own machine"),
        ("db.example,%40abstract", "a socket of the Job's own machine"),
    ],
)
def test_what_no_job_may_contact_is_refused(hosts: str, why: str) -> None:
    with pytest.raises(Permanent) as error:
        pinned(asked(hosts), JOB)
    assert error.value.reason == "AddressRefused"
    assert (
        f"its address is {why}, which a Job may not contact. Name the database's server in Secret rosters-reader"
        in str(error.value)
    )


def test_a_trial_may_contact_its_own_machine_and_no_other_address_more() -> None:
    assert pinned(asked("localhost"), TRIAL)["hostaddr"] == "127.0.0.1,::1"
    assert pinned(asked("%2Frun,db.example"), TRIAL)["hostaddr"] == ",10.0.0.5"
    with pytest.raises(Permanent):
        pinned(asked("cloud.example"), TRIAL)


def test_a_name_without_an_address_may_get_one() -> None:
    with pytest.raises(Retryable, match="there is no address for that host name") as error:
        pinned(asked("gone.example"), JOB)
    assert error.value.reason == "StoreUnreachable"


def test_on_the_command_line_libpq_looks_names_up() -> None:
    assert "hostaddr" not in reached(asked("localhost"))

"""When a fault strikes, as a table; and what cannot be asked for."""

import pytest

from rostersync.simulator.faults import HELP, NAMES, Fault, Faults


@pytest.mark.parametrize(
    ("options", "struck"),
    [
        ("", "111111"),
        (",once", "100000"),
        (",times=2", "110000"),
        (",every=2", "010101"),
        (",after=3", "000111"),
        (",after=2,every=2,once", "000100"),
        (",probability=0", "000000"),
        (",on=users", "000000"),
        (",on=orgs", "111111"),
        (",on=token", "000000"),
    ],
)
def test_when_a_fault_strikes_requests_for_orgs(options: str, struck: str) -> None:
    fault = Fault.parse(f"500{options}")
    assert "".join(str(int(fault.strikes("orgs", 123_456))) for _ in range(6)) == struck


def test_a_token_request_is_struck_only_when_asked() -> None:
    assert not Fault.parse("500").strikes("token", 0)
    assert Fault.parse("500,on=token").strikes("token", 0)
    assert Fault.parse("credentials:basic").strikes("token", 0)


def test_probability_is_that_of_the_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add("500,probability=0.3")
        return [bool(faults.striking("orgs")) for _ in range(1000)]

    assert 240 <= sum(drawn(1)) <= 360
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_cleared_faults_strike_no_more() -> None:
    faults = Faults()
    faults.add("429:5")
    assert faults.striking("orgs") == {"429": "5"}
    faults.clear()
    assert faults.striking("orgs") == {}


@pytest.mark.parametrize(
    "text",
    [
        "fire",
        "500,often",
        "500,every=x",
        "500,on=pupils",
        "slow",
        "slow:x",
        "limit-fails",
        "links",
        "500,probability=x",
    ],
)
def test_what_cannot_be_asked_for(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Fault.parse(text)


def test_every_fault_is_explained() -> None:
    assert len(NAMES) >= len(HELP)
    assert {"429", "500", "truncated", "credentials", "limit-fails"} <= NAMES

"""The report of a delivery: read as it was written, and bounded whatever places and errors say."""

from rostersync.plan.report import LIMIT, deliver_from_json, deliver_to_json
from rostersync.sent import DeliverReport, DeliveryReport


def failed(name: str, text: str) -> DeliveryReport:
    return DeliveryReport(
        name,
        text,
        7,
        3,
        1,
        2**40,
        "ab" * 32,
        "2026-11-24T02:00:00Z",
        {"reason": "Refused", "message": text},
        {f"students.Attribute_{n}": 1_000_000 - n for n in range(12)},
    )


def test_it_is_read_as_it_was_written() -> None:
    made = DeliverReport(
        "r",
        "send",
        7,
        [failed("feed", "No."), DeliveryReport("other", "a folder", 6)],
        {"reason": "Refused", "message": "No."},
    )

    assert deliver_from_json(deliver_to_json(made)) == made


def test_long_texts_of_many_deliveries_are_cut_and_no_delivery_is_lost() -> None:
    text = "ü" * 2000
    made = DeliverReport(
        "r" * 63, "send", 7, [failed(f"{n}" * 63, text) for n in range(8)], {"reason": "Refused", "message": text}
    )

    said = deliver_to_json(made)
    assert len(said.encode()) <= LIMIT
    read = deliver_from_json(said)
    assert [d.name for d in read.deliveries] == [d.name for d in made.deliveries]
    assert {d.error["reason"] for d in read.deliveries if d.error} == {"Refused"}
    assert all(d.sha256 for d in read.deliveries)
    assert all(len(d.left_out) == 3 and "students.Attribute_0" in d.left_out for d in read.deliveries)


def test_a_report_of_an_earlier_version_is_read() -> None:
    assert deliver_from_json('{"run":"r","stage":"done","revision":5,"sent":["feed"]}') == DeliverReport("r", "done", 5)

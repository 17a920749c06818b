"""A server that leaves the last records out, but says in some form that there are more: it proves nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.quirky import Quirky, Reply, Request, enrollments, staged

THERE, SHOWN = 66, 60
ROWS = enrollments(THERE)
Says = Callable[[str, int], tuple[dict[str, Any], dict[str, str]]]


def beside(**body: Any) -> Says:
    return lambda *_: (body, {})


def header(**headers: str) -> Says:
    return lambda *_: ({}, {name.replace("_", "-"): value for name, value in headers.items()})


FAILURE = {"imsx_codeMajor": "failure"}
HUGE = int("9" * 1000)  # which nobody reads
SAYS: dict[str, Says] = {  # by the address of the next page and its offset: keys beside the rows, and headers
    # a next page
    "an object with its address": lambda url, _: ({"pagination": {"next": {"href": url}}}, {}),
    "an object without one": beside(pagination={"next": {"page": 3}}),
    "its number": lambda _, offset: ({"pagination": {"next": offset}}, {}),
    "a number that nobody reads": beside(pagination={"next": HUGE}),
    "a number that nobody reads, at the top": beside(nextPage=HUGE),
    "that there is one": beside(pagination={"next": True}),
    "null, and its address in a header": lambda url, _: (
        {"pagination": {"next": None}},
        {"Link": f'<{url}>; rel="next"'},
    ),
    "a key in other case": lambda url, _: ({"Pagination": {"Next": url}}, {}),
    "another part": lambda url, _: ({"links": {"next": url}}, {}),
    "a list of links": lambda url, _: ({"_links": [{"rel": "next", "href": url}]}, {}),
    "an offset that is no number": beside(pagination={"next": "?offset=abc"}),
    "an offset of twenty digits": beside(pagination={"next": "?offset=" + "9" * 20}),
    "no address": beside(pagination={"next": "https://[broken/?offset=7"}),
    # a total
    "with a fraction": beside(total=float(THERE)),
    "as a text with a fraction": beside(total=f"{THERE}.0"),
    "with a sign": beside(total=f"+{THERE}"),
    "of another name": beside(totalCount=THERE),
    "repeated": header(X_Total_Count=f"{THERE}, {THERE}"),
    "twice, and not the same": header(X_Total_Count=f"{SHOWN}, {THERE}"),
    "of a thousand digits": beside(total=HUGE),
    "in words": beside(total="sixty-six"),
    "another one in the body": lambda *_: ({"total": THERE}, {"X-Total-Count": str(SHOWN)}),
    "another one in the body's paging": beside(total=SHOWN, pagination={"total": THERE}),
    "of a range": header(Content_Range=f"items 0-9/{THERE}"),
    # an error
    "a code in lower case": beside(imsx_codemajor="failure"),
    "a code in a list in an object": beside(statusInfoSet={"statusInfo": [FAILURE]}),
    "a code in an object": beside(statusInfo=FAILURE),
    "a code in two objects": beside(imsx_statusInfo={"status": {"codeMajor": "failure"}}),
    "errors in upper case": beside(ERRORS=[{"code": 17}]),
    "a severity": beside(imsx_statusInfo={"imsx_severity": "error"}),
    "a status": beside(status="error"),
    "no success": beside(success=False),
    "no success, as a number": beside(success=0),
    "a status of HTTP": beside(status=500),
    "a status of HTTP, as a text": beside(statusCode="503"),
    "an exception": beside(exception="java.lang.Exception"),
    "a fault": beside(fault={"faultstring": "quota"}),
    # in words
    "that there are more": beside(hasMore=True),
    "that there are more, in its paging": beside(meta={"has_more": "true"}),
    "that it is cut": beside(truncated=True),
    "a token": beside(nextPageToken="c2l4dHk"),
    "the next offset": beside(pagination={"nextOffset": SHOWN}),
}
FINE: dict[str, Says] = {
    "nothing": beside(),
    "a total that is not known": beside(total=-1),
    "an empty total": beside(total="", pagination={"total": None}),
    "totals that agree": lambda *_: ({"total": SHOWN, "meta": {"total": f"{SHOWN}.0"}}, {"X-Total-Count": str(SHOWN)}),
    "success": beside(imsx_codeMajor="success", imsx_severity="status", status="success", success=True, errors=[]),
    "a status that is a number": beside(status=200, error=None),
    "no more": beside(hasMore=False, truncated="no", nextPageToken="", exception=None, statusCode=200),
    "no next page": beside(pagination={"next": False}, links={"self": "https://elsewhere.example"}),
}


def server_of(says: Says, status: int = 200) -> Quirky:
    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        after = request.offset + request.limit
        body, headers = says(f"{made.url}/enrollments?limit={request.limit}&offset={after}", after)
        shown = ROWS[request.offset : min(after, SHOWN)]
        return Reply({"enrollments": shown, **body}, status, headers=headers)

    made = Quirky({"enrollments": ROWS}, total=None, answer=answer)
    return made


def proof_of(server: Quirky, folder: Path) -> dict[str, Any]:
    with server:
        found: dict[str, Any] = staged(server, folder, "enrollments", page_size=15).proof["enrollments"]
    return found


@pytest.mark.parametrize("says", SAYS.values(), ids=SAYS)
def test_what_says_that_there_is_more_is_never_taken_for_the_end(says: Says, tmp_path: Path) -> None:
    proof = proof_of(server_of(says), tmp_path)

    assert not proof["complete"], proof
    assert proof["reason"]


@pytest.mark.parametrize("status", [201, 202, 203, 206])
def test_a_status_of_another_answer_than_a_whole_one_proves_nothing(status: int, tmp_path: Path) -> None:
    proof = proof_of(server_of(beside(), status), tmp_path)

    assert (proof["complete"], str(status) in proof["reason"]) == (False, True)


@pytest.mark.parametrize("says", FINE.values(), ids=FINE)
def test_what_says_nothing_of_that_is_believed(says: Says, tmp_path: Path) -> None:
    proof = proof_of(server_of(says), tmp_path)

    assert (proof["complete"], proof["distinct"]) == (True, SHOWN), proof

"""What is written into the Delivery Config of each kind, what it means, and how it is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from rostersync.api.explain import problems
from rostersync.api.kinds import KINDS
from rostersync.sources.oneroster.profile import service_endpoint
from rostersync.sources.profile import Login
from rostersync.sources.registry import PROFILES

CAMPUS, ILLUMINATE = "InfiniteCampusConnection", "IlluminateConnection"
HOST = "https://campus.springfield.example/campus"
URL_12 = f"{HOST}/api/oneroster/v1p2/springfield/ims/oneroster/rostering/v1p2"
URL_11 = f"{HOST}/oneroster/springfield/ims/oneroster/v1p1"
TOKENS = f"{HOST}/oauth2/token?appName=springfield"
LOGIN = Login({"clientID": "a", "clientSecret": "b", "userKey": "c", "userSecret": "d"}, "a Secret")


def document(kind: str, **config: Any) -> dict[str, Any]:
    return {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "springfield", "namespace": "rosters"},
        "spec": {
            "termsOfUse": {"accepted": True},
            "deliveryConfig": {"credentialsSecretRef": {"name": "c"}, **config},
        },
    }


def service(kind: str, **config: Any) -> Any:
    made = KINDS[kind].model.model_validate(document(kind, **config))
    return service_endpoint(PROFILES[kind], made, LOGIN, None)


def refused(kind: str, **config: Any) -> list[str]:
    model = KINDS[kind].model
    with pytest.raises(ValidationError) as error:
        model.model_validate(document(kind, **config))
    return [str(problem) for problem in problems(error.value, model)]


@pytest.mark.parametrize(
    ("url", "version"),
    [
        (URL_12, "1.2"),
        (URL_12 + "/", "1.2"),
        (f"{HOST}/api/ims/oneroster/rostering/v1p2", "1.2"),
        (URL_11, "1.1"),
        (f"{HOST}/api/ims/oneroster/rostering/v1p2x", "1.1"),
    ],
)
def test_campus_says_its_version_in_its_address(url: str, version: str) -> None:
    found = service(CAMPUS, serviceURL=url, authenticationURL=TOKENS)
    assert (found.version, found.authentication_url) == (version, TOKENS)
    assert (found.page_size, found.max_concurrent_requests) == (2000, 5)
    assert (
        PROFILES[CAMPUS]
        .endpoint(KINDS[CAMPUS].model.model_validate(document(CAMPUS, serviceURL=url, authenticationURL=TOKENS)))
        .version
        == version
    )


@pytest.mark.parametrize(
    ("url", "tokens"),
    [
        (URL_11, TOKENS),
        (URL_11 + "/", TOKENS),
        (f"{HOST}/api/oneroster/v1p1/springfield/ims/oneroster/v1p1", TOKENS),
        ("https://sis.example/v1p1", "https://sis.example/v1p1/token"),
    ],
)
def test_where_the_tokens_of_campus_11_come_from_by_default(url: str, tokens: str) -> None:
    assert service(CAMPUS, serviceURL=url).authentication_url == tokens


@pytest.mark.parametrize(
    ("url", "tokens"),
    [
        (
            "https://springfield.illuminateed.com/live/x/v1p1",
            "https://springfield.illuminateed.com/live/?OAuth2_AccessToken",
        ),
        ("https://springfield.IlluminateEd.com/x", "https://springfield.IlluminateEd.com/live/?OAuth2_AccessToken"),
        ("https://illuminateed.com.evil.example/x", "https://illuminateed.com.evil.example/x/token"),
        ("https://notilluminateed.com/x", "https://notilluminateed.com/x/token"),
        ("https://sis.example/v1p1", "https://sis.example/v1p1/token"),
    ],
)
def test_where_the_tokens_of_illuminate_come_from_by_default(url: str, tokens: str) -> None:
    assert service(ILLUMINATE, serviceURL=url).authentication_url == tokens
    assert service(ILLUMINATE, serviceURL=url, authenticationURL=TOKENS).authentication_url == TOKENS


REFUSED = {
    "1.2 without token URL": (
        CAMPUS,
        {"serviceURL": URL_12},
        "spec.deliveryConfig.authenticationURL: is required with a serviceURL that ends in /rostering/v1p2: copy the "
        "token URL that Infinite Campus shows beside it, https://HOST/campus/oauth2/token?appName=NAME",
    ),
    "1.2 signed": (
        CAMPUS,
        {"serviceURL": URL_12, "authentication": "OAuth1"},
        "spec.deliveryConfig.authentication: Infinite Campus takes no OAuth1 signatures for OneRoster 1.2 "
        "(…/rostering/v1p2); leave authentication out",
    ),
    "no appName": (
        CAMPUS,
        {"serviceURL": URL_12, "authenticationURL": f"{HOST}/oauth2/token"},
        "spec.deliveryConfig.authenticationURL: must keep its ?appName=NAME, as Infinite Campus shows it: it gives no "
        "token without that",
    ),
    "empty appName": (
        CAMPUS,
        {"serviceURL": URL_11, "authenticationURL": f"{HOST}/oauth2/token?appName="},
        "spec.deliveryConfig.authenticationURL: must keep its ?appName=NAME",
    ),
    "six at once": (
        CAMPUS,
        {"serviceURL": URL_11, "maxConcurrentRequests": 6},
        "spec.deliveryConfig.maxConcurrentRequests: must be at most 5",
    ),
    "large pages": (
        CAMPUS,
        {"serviceURL": URL_11, "pageSize": 10001},
        "spec.deliveryConfig.pageSize: must be at most 10000",
    ),
    "a version": (
        CAMPUS,
        {"serviceURL": URL_11, "version": "1.2"},
        "spec.deliveryConfig.version: is not a field here",
    ),
    "plain http": (CAMPUS, {"serviceURL": URL_11.replace("https", "http")}, "plain http is refused"),
    "signed with a token URL": (
        ILLUMINATE,
        {"serviceURL": "https://sis.example", "authentication": "OAuth1", "authenticationURL": "https://sis.example/t"},
        "spec.deliveryConfig.authenticationURL: only goes with authentication: OAuth2",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_with_place_and_remedy(case: str) -> None:
    kind, config, sentence = REFUSED[case]
    (found,) = refused(kind, **config)
    assert sentence in found


def test_the_keys_of_a_secret_follow_from_how_requests_are_signed() -> None:
    def keys(kind: str, **config: Any) -> tuple[str, ...]:
        made = KINDS[kind].model.model_validate(document(kind, serviceURL="https://sis.example", **config))
        return PROFILES[kind].keys_for(made)

    assert keys(ILLUMINATE, authentication="OAuth1") == ("clientID", "clientSecret", "userKey", "userSecret")
    assert keys(ILLUMINATE) == keys(CAMPUS, authentication="OAuth1") == ("clientID", "clientSecret")

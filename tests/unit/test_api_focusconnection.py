"""What a FocusConnection refuses: each with the place, the reason and what is allowed, and without the input.

Over 300 lines, nearly all of them a table: one entry for each thing that is refused.
"""

from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from rostersync.api.explain import Problem, problems
from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.model import Entity

MINIMAL: dict[str, Any] = {
    "apiVersion": "rostersync.dev/v1alpha1",
    "kind": "FocusConnection",
    "metadata": {"name": "springfield"},
    "spec": {
        "termsOfUse": {"accepted": True},
        "deliveryConfig": {"serviceURL": "https://focus.example/v1p1", "credentialsSecretRef": {"name": "focus"}},
    },
}


def with_spec(**spec: Any) -> dict[str, Any]:
    manifest = deepcopy(MINIMAL)
    manifest["spec"] |= spec
    return manifest


def delivery(**fields: Any) -> dict[str, Any]:
    return {"deliveryConfig": MINIMAL["spec"]["deliveryConfig"] | fields}


def mapping(**fields: Any) -> dict[str, Any]:
    return {"attributesMapping": [{"entity": "Student", "attribute": "username", "from": "email"} | fields]}


def requirement(**fields: Any) -> dict[str, Any]:
    return {"dataRequirements": [{"entity": "Student", "attribute": "email", "action": "Error"} | fields]}


def condition(**fields: Any) -> dict[str, Any]:
    return {"filterRules": [{"entity": "Student", "conditions": [fields]}]}


def threshold(**fields: Any) -> dict[str, Any]:
    return {"syncHoldThreshold": {"rules": [{"entity": "Student", "change": "Delete"} | fields]}}


def wrong(manifest: dict[str, Any]) -> list[Problem]:
    with pytest.raises(ValidationError) as raised:
        FocusConnection.model_validate(manifest)
    return problems(raised.value, FocusConnection)


DOMAIN = {"entity": "Student", "attributes": ["email"]}

BAD = {
    "unknown field": ({"sisIdPrefix": "X"}, "spec.sisIdPrefix", "did you mean sisIDPrefix? allowed: termsOfUse"),
    "unknown field deep down": (delivery(serviceUrl="x"), "spec.deliveryConfig.serviceUrl", "did you mean serviceURL"),
    "unknown field in a list": (mapping(form="email"), "spec.attributesMapping[0].form", "did you mean from"),
    "number for text": (delivery(version=1.1), "spec.deliveryConfig.version", "must be one of 1.1, 1.2"),
    "text for a boolean": ({"bulkUploadMode": "yes"}, "spec.bulkUploadMode", "must be true or false, without quotes"),
    "number for a boolean": ({"suspend": 1}, "spec.suspend", "must be true or false"),
    "text for a number": (delivery(pageSize="500"), "spec.deliveryConfig.pageSize", "must be a whole number"),
    "fraction for a number": (delivery(pageSize=5.0), "spec.deliveryConfig.pageSize", "must be a whole number"),
    "boolean for a number": (delivery(pageSize=True), "spec.deliveryConfig.pageSize", "must be a whole number"),
    "page size of nothing": (delivery(pageSize=0), "spec.deliveryConfig.pageSize", "must be at least 1"),
    "text for a list": ({"entities": "School"}, "spec.entities", "must be a list"),
    "list for a mapping": ({"schoolsMapping": []}, "spec.schoolsMapping", "must be a mapping"),
    "unknown entity": ({"entities": ["School", "Pupil"]}, "spec.entities[1]", "must be one of District, School"),
    "entities without School": ({"entities": ["Student"]}, "spec.entities", "must include School"),
    "Enrollment without Class": (
        {"entities": ["School", "Student", "Enrollment"]},
        "spec.entities",
        "Enrollment without Class",
    ),
    "Enrollment without people": (
        {"entities": ["School", "Class", "Enrollment"]},
        "spec.entities",
        "without any of Student, Teacher, Contact and Admin",
    ),
    "an entity twice": ({"entities": ["School", "School"]}, "spec.entities", "twice"),
    "prefix with a space": ({"sisIDPrefix": "A B"}, "spec.sisIDPrefix", "must not have spaces"),
    "plain http": (delivery(serviceURL="http://f.example"), "spec.deliveryConfig.serviceURL", "insecureHTTP: true"),
    "plain http for tokens": (
        delivery(authenticationURL="http://f.example/token"),
        "spec.deliveryConfig.authenticationURL",
        "insecureHTTP: true",
    ),
    "no URL": (delivery(serviceURL="focus.example/v1p1"), "spec.deliveryConfig.serviceURL", "begins with https://"),
    "no host": (delivery(serviceURL="https:///v1p1"), "spec.deliveryConfig.serviceURL", "names a host"),
    "URL with a password": (
        delivery(serviceURL="https://u:hunter2@f.example"),
        "spec.deliveryConfig.serviceURL",
        "must not hold a user or password",
    ),
    "service URL with a query": (
        delivery(serviceURL="https://f.example/v1p1?x=1"),
        "spec.deliveryConfig.serviceURL",
        "must not have a query",
    ),
    "signature without OAuth1": (
        delivery(signatureMethod="HMAC-SHA1"),
        "spec.deliveryConfig.signatureMethod",
        "only goes with authentication: OAuth1",
    ),
    "token URL with OAuth1": (
        delivery(authentication="OAuth1", authenticationURL="https://f.example/token"),
        "spec.deliveryConfig.authenticationURL",
        "only goes with authentication: OAuth2",
    ),
    "scope with OAuth1": (
        delivery(authentication="OAuth1", scope="*"),
        "spec.deliveryConfig.scope",
        "only goes with authentication: OAuth2",
    ),
    "mapping to an unknown attribute": (
        mapping(attribute="userName"),
        "spec.attributesMapping[0].attribute",
        "Student has no attribute userName; did you mean username? allowed: enabledUser, ",
    ),
    "mapping to the id": (mapping(attribute="sourcedId"), "spec.attributesMapping[0].attribute", "sourcedId cannot be"),
    "mapping to a reference": (
        mapping(attribute="orgSourcedIds"),
        "spec.attributesMapping[0].attribute",
        "refers to other records",
    ),
    "mapping to the role": (mapping(attribute="role"), "spec.attributesMapping[0].attribute", "role cannot be mapped"),
    "mapping to the status": (mapping(attribute="status"), "spec.attributesMapping[0].attribute", "status cannot be"),
    "mapping to all user ids": (mapping(attribute="userIds"), "spec.attributesMapping[0].attribute", "userIds cannot"),
    "mapping a school's type": (
        {"attributesMapping": [{"entity": "School", "attribute": "type", "from": "name"}]},
        "spec.attributesMapping[0].attribute",
        "type cannot be mapped",
    ),
    "mapping from nothing": (mapping(**{"from": None}), "spec.attributesMapping[0]", "needs from or template"),
    "mapping from both": (mapping(template="{email}"), "spec.attributesMapping[0]", "has both from and template"),
    "mapping from an unknown attribute": (
        mapping(**{"from": "emial"}),
        "spec.attributesMapping[0].from",
        "Student has no attribute emial; did you mean email?",
    ),
    "mapping from no attribute": (
        mapping(**{"from": "a b"}),
        "spec.attributesMapping[0].from",
        "must be an attribute,",
    ),
    "user ids of a class": (
        {"attributesMapping": [{"entity": "Class", "attribute": "title", "from": "userIds[type=A].identifier"}]},
        "spec.attributesMapping[0].from",
        "Class has no userIds",
    ),
    "unknown placeholder": (
        mapping(**{"from": None, "template": "{name}"}),
        "spec.attributesMapping[0].template",
        "Student has no attribute name",
    ),
    "unclosed placeholder": (
        mapping(**{"from": None, "template": "{email"}),
        "spec.attributesMapping[0].template",
        "an unmatched brace",
    ),
    "unknown transform": (mapping(transforms=["Reverse"]), "spec.attributesMapping[0].transforms[0]", "one of Trim, "),
    "default that is no boolean": (
        mapping(attribute="enabledUser", default="maybe"),
        "spec.attributesMapping[0].default",
        'must be "true" or "false"',
    ),
    "two mappings to one target": (
        {"attributesMapping": [*mapping()["attributesMapping"], *mapping(**{"from": "sms"})["attributesMapping"]]},
        "spec.attributesMapping",
        "entries [0] and [1] both fill Student.username",
    ),
    "mapping of an entity that is not imported": (
        {"attributesMapping": [{"entity": "Demographics", "attribute": "sex", "from": "sex"}]},
        "spec.attributesMapping",
        "entry [0] is about Demographics, which entities does not list",
    ),
    "requirement on an unknown attribute": (
        requirement(attribute="mail"),
        "spec.dataRequirements[0].attribute",
        "Student has no attribute mail; did you mean email?",
    ),
    "requirement on the id": (
        requirement(attribute="sourcedId"),
        "spec.dataRequirements[0].attribute",
        "no requirement",
    ),
    "unknown action": (requirement(action="Drop"), "spec.dataRequirements[0].action", "one of Error, Skip, Default"),
    "Default without default": (requirement(action="Default"), "spec.dataRequirements[0]", "but no default"),
    "default without Default": (requirement(default="x"), "spec.dataRequirements[0]", "action Error never uses"),
    "default that is no date": (
        {
            "dataRequirements": [
                {"entity": "Enrollment", "attribute": "endDate", "action": "Default", "default": "soon"}
            ]
        },
        "spec.dataRequirements[0]",
        "default must be a date",
    ),
    "Default for a reference": (
        requirement(attribute="primaryOrgSourcedId", action="Default", default="1"),
        "spec.dataRequirements[0].action",
        "refers to another record",
    ),
    "DropValue of a role": (
        requirement(attribute="role", action="DropValue", pattern="x"),
        "spec.dataRequirements[0].action",
        "DropValue cannot change role",
    ),
    "DropValue of a missing value": (
        requirement(action="DropValue"),
        "spec.dataRequirements[0].action",
        "needs format or pattern",
    ),
    "Remove without Skip": (requirement(whenAccepted="Remove"), "spec.dataRequirements[0]", "action: Skip"),
    "format and pattern": (requirement(format="Email", pattern="x"), "spec.dataRequirements[0].pattern", "keep one"),
    "pattern that is none": (requirement(pattern="[a-"), "spec.dataRequirements[0].pattern", "RE2 understands"),
    "pattern with look-ahead": (requirement(pattern="(?=a)b"), "spec.dataRequirements[0].pattern", "look-around"),
    "pattern with a back-reference": (requirement(pattern=r"(a)\1"), "spec.dataRequirements[0].pattern", "back-ref"),
    "filter on an unknown attribute": (
        condition(attribute="grade", condition="IsEmpty"),
        "spec.filterRules[0].conditions[0].attribute",
        "Student has no attribute grade; did you mean grades?",
    ),
    "filter of schools": (
        {"filterRules": [{"entity": "School", "conditions": [{"attribute": "name", "condition": "IsEmpty"}]}]},
        "spec.filterRules[0].entity",
        "choose schools with schoolsMapping",
    ),
    "filter without conditions": (
        {"filterRules": [{"entity": "Student", "conditions": []}]},
        "spec.filterRules[0].conditions",
        "must have at least 1 entries",
    ),
    "condition without values": (
        condition(attribute="email", condition="In"),
        "spec.filterRules[0].conditions[0]",
        "condition In without values",
    ),
    "condition with needless values": (
        condition(attribute="email", condition="IsEmpty", values=["x"]),
        "spec.filterRules[0].conditions[0]",
        "IsEmpty does not use",
    ),
    "After two dates": (
        condition(attribute="metadata.entry", condition="After", values=["2026-08-01", "2026-08-02"]),
        "spec.filterRules[0].conditions[0]",
        "exactly one date",
    ),
    "Before no date": (
        condition(attribute="metadata.entry", condition="Before", values=["August"]),
        "spec.filterRules[0].conditions[0]",
        "must be a date",
    ),
    "date condition on a list": (
        condition(attribute="grades", condition="IsPast"),
        "spec.filterRules[0].conditions[0].condition",
        "compares dates, and grades is none",
    ),
    "linked to itself": (
        {
            "filterRules": [
                {
                    "entity": "Student",
                    "conditions": [{"attribute": "email", "condition": "IsEmpty"}],
                    "includeLinked": ["Student"],
                }
            ]
        },
        "spec.filterRules[0].includeLinked",
        "the entity of the rule itself",
    ),
    "domain on an unknown attribute": (
        {
            "compareByDomainsOfUniqueness": True,
            "domainsOfUniqueness": [{"entity": "Student", "attributes": ["eMails"]}],
        },
        "spec.domainsOfUniqueness[0].attributes[0]",
        "Student has no attribute eMails; did you mean email",
    ),
    "domain without attributes": (
        {"compareByDomainsOfUniqueness": True, "domainsOfUniqueness": [{"entity": "Student", "attributes": []}]},
        "spec.domainsOfUniqueness[0].attributes",
        "at least 1",
    ),
    "master field on an unknown attribute": (
        {"masterFields": [{"entity": "Student", "attributes": ["x1"], "source": "ad", "mode": "Master"}]},
        "spec.masterFields[0].attributes[0]",
        "Student has no attribute x1",
    ),
    "flag without domains": ({"compareByDomainsOfUniqueness": True}, "spec", "domainsOfUniqueness is empty"),
    "domains without flag": ({"domainsOfUniqueness": [DOMAIN]}, "spec", "compareByDomainsOfUniqueness is not true"),
    "several sources without domains": ({"multipleDataSources": True}, "spec", "multipleDataSources needs"),
    "minus five percent": (threshold(percent=-5), "spec.syncHoldThreshold.rules[0].percent", "must not be negative"),
    "negative count": (threshold(count=-1), "spec.syncHoldThreshold.rules[0].count", "must not be negative"),
    "rule without numbers": (threshold(), "spec.syncHoldThreshold.rules[0]", "neither percent nor count"),
    "floor without percent": (
        threshold(count=5, minPopulation=10),
        "spec.syncHoldThreshold.rules[0]",
        "minPopulation without percent",
    ),
    "Selected without schools": ({"schoolsMapping": {"mode": "Selected"}}, "spec.schoolsMapping.schools", "is empty"),
    "a school twice": (
        {"schoolsMapping": {"schools": [{"sourcedId": "1"}, {"sourcedId": "1"}]}},
        "spec.schoolsMapping.schools",
        "entries [0] and [1]",
    ),
    "a school mapped and excluded": (
        {"schoolsMapping": {"schools": [{"sourcedId": "1"}], "exclude": ["1"]}},
        "spec.schoolsMapping.exclude",
        "also mapped in schools[0]",
    ),
    "one target with two names": (
        {
            "schoolsMapping": {
                "schools": [
                    {"sourcedId": "1", "target": {"id": "W", "name": "A"}},
                    {"sourcedId": "2", "target": {"id": "W", "name": "B"}},
                ]
            }
        },
        "spec.schoolsMapping.schools",
        "one target id two names",
    ),
    "an empty target": (
        {"schoolsMapping": {"schools": [{"sourcedId": "1", "target": {}}]}},
        "spec.schoolsMapping.schools[0].target",
        "is empty",
    ),
    "an existing target with a name": (
        {"schoolsMapping": {"schools": [{"sourcedId": "1", "target": {"existing": "W", "name": "A"}}]}},
        "spec.schoolsMapping.schools[0].target",
        "existing together with id or name",
    ),
    "window that ends before it starts": (
        {"dataRollover": {"suspendImport": [{"start": "2027-07-15", "end": "2027-07-01"}]}},
        "spec.dataRollover.suspendImport[0].end",
        "must be after start",
    ),
    "window with a zone": (
        {"dataRollover": {"disableDeletion": [{"start": "2027-07-15T00:00:00Z", "end": "2027-08-01"}]}},
        "spec.dataRollover.disableDeletion[0].start",
        "without a zone",
    ),
    "cron of four fields": ({"schedule": {"cron": "30 2 * * "}}, "spec.schedule.cron", "it has 4 fields, not five"),
    "cron at half past 24": ({"schedule": {"cron": "30 24 * * *"}}, "spec.schedule.cron", "the hour must be"),
    "end that is no date": (
        {"schedule": {"cron": "30 2 * * *", "endDate": "2027-02-30"}},
        "spec.schedule.endDate",
        "a day that does not exist",
    ),
    "unknown time zone": ({"timeZone": "America/Springfield"}, "spec.timeZone", "is not an IANA time zone"),
    "duration without unit": ({"approval": {"expiresAfter": "72"}}, "spec.approval.expiresAfter", "such as 90m, 72h"),
    "size that is none": (
        {"store": {"embedded": {"volumeClaim": {"size": "ten"}}}},
        "spec.store.embedded.volumeClaim.size",
        "must be a quantity",
    ),
    "two stores": (
        {
            "store": {
                "embedded": {},
                "postgres": {"readerSecretRef": {"name": "r"}, "writerSecretRef": {"name": "w"}},
            }
        },
        "spec.store",
        "both embedded and postgres",
    ),
    "two claims": (
        {"store": {"embedded": {"volumeClaim": {"size": "1Gi"}, "existingClaim": "mine"}}},
        "spec.store.embedded",
        "both volumeClaim and existingClaim",
    ),
    "two places for artifacts": (
        {"artifacts": {"volumeClaim": {"size": "1Gi"}, "existingClaim": "mine"}},
        "spec.artifacts",
        "keep one of them",
    ),
    "a label of rostersync": (
        {"jobTemplate": {"labels": {"rostersync.dev/run": "x"}}},
        "spec.jobTemplate.labels",
        "must not begin with rostersync.dev/",
    ),
    "a district that is no name": ({"district": "Spring Field"}, "spec.district", "lower case letters"),
}


@pytest.mark.parametrize(("spec", "path", "sentence"), BAD.values(), ids=BAD.keys())
def test_refused_with_place_and_remedy(spec: dict[str, Any], path: str, sentence: str) -> None:
    found = wrong(with_spec(**spec))
    assert [p.path for p in found] == [path]
    assert sentence in found[0].message


def test_the_smallest_connection_has_working_defaults() -> None:
    spec = FocusConnection.model_validate(MINIMAL).spec
    assert spec.entities == tuple(e for e in Entity if e is not Entity.DEMOGRAPHICS)
    assert spec.schoolsMapping.mode == "Auto"
    assert (spec.bulkUploadMode, spec.previewDataUpload, spec.onIncompleteRead) == (False, False, "Apply")
    assert (spec.deliveryConfig.pageSize, spec.deliveryConfig.version) == (500, "1.1")
    assert (spec.approval.expiresAfter, spec.approval.holdOnConfigChange) == ("72h", True)
    assert (spec.history.runs.failed, spec.history.records.maxAge) == (14, "400d")


def test_plain_http_goes_with_insecure_http() -> None:
    spec = delivery(insecureHTTP=True, serviceURL="http://127.0.0.1:8080/v1p1")
    assert FocusConnection.model_validate(with_spec(**spec)).spec.deliveryConfig.serviceURL.startswith("http://")


def test_an_empty_field_is_an_absent_one() -> None:
    assert FocusConnection.model_validate(with_spec(schedule=None, filterRules=None)).spec.filterRules == ()


def test_all_problems_are_said_at_once() -> None:
    found = wrong(with_spec(timeZone="Nowhere", suspend="no") | {"metadata": {"name": "Not A Name"}})
    assert {p.path for p in found} == {"metadata", "spec.timeZone", "spec.suspend"}


@pytest.mark.parametrize("name", ["", "A", "a" * 101, "a_b", "-a"])
def test_names_that_kubernetes_or_the_root_rule_refuse(name: str) -> None:
    assert [p.path for p in wrong(MINIMAL | {"metadata": {"name": name}})] == ["metadata"]


@pytest.mark.parametrize(
    "spec",
    [
        mapping(**{"from": "Zebediah Marked"}),
        mapping(attribute="Zebediah Marked"),
        mapping(**{"from": None, "template": "{Zebediah Marked}"}),
        mapping(values={"Zebediah Marked": 7}),
        mapping(transforms=["Zebediah Marked"]),
        requirement(pattern="Zebediah Marked["),
        requirement(action="Default", default="Zebediah Marked" * 100),
        condition(attribute="email", condition="IsEmpty", values=["Zebediah Marked"]),
        condition(attribute="email", condition="Before", values=["Zebediah Marked"]),
        {"Zebediah Marked": 1},
        {"timeZone": "Zebediah Marked"},
        {"schedule": {"cron": "Zebediah Marked"}},
        {"sisIDPrefix": "Zebediah Marked"},
        delivery(serviceURL="https://Zebediah:Marked@focus.example"),
        delivery(serviceURL="Zebediah Marked"),
        {"schoolsMapping": {"schools": [{"sourcedId": "Zebediah"}], "exclude": ["Zebediah"]}},
    ],
)
def test_no_sentence_repeats_what_was_written(spec: dict[str, Any]) -> None:
    found = wrong(with_spec(**spec))
    assert found
    assert not [p for p in found if "Zebediah" in str(p) or "Marked" in str(p)]


def test_pydantics_own_text_shows_no_input() -> None:
    with pytest.raises(ValidationError) as raised:
        FocusConnection.model_validate(with_spec(suspend="Zebediah"))
    assert "Zebediah" not in str(raised.value)

"""`from` and templates of Attributes Mapping, parsed."""

import pytest

from rostersync.api.v1alpha1.mapping import AttributeMapping, Placeholder, Source, Text, parse_from, parse_template


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("email", Source("attribute", "email")),
        ("sourcedId", Source("attribute", "sourcedId")),
        ("metadata.homeroom", Source("metadata", "homeroom")),
        ("metadata.vendor.key-1", Source("metadata", "vendor.key-1")),
        ("userIds[type=StateID].identifier", Source("userId", "StateID")),
        ("userIds[type=State ID].identifier", Source("userId", "State ID")),
    ],
)
def test_from(text: str, source: Source) -> None:
    assert parse_from(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a.b",
        "metadata.",
        "metadata.a b",
        "userIds",
        "userIds[0]",
        "userIds[type=].identifier",
        "é",
        "1a",
        "a\n",
    ],
)
def test_from_that_is_none(text: str) -> None:
    if text == "userIds":  # parses, but is refused where an entity is known
        with pytest.raises(ValueError, match="which of the userIds"):
            AttributeMapping.model_validate({"entity": "Student", "attribute": "email", "from": text})
        return
    with pytest.raises(ValueError, match="must be an attribute"):
        parse_from(text)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("plain", [Text("plain")]),
        ("{email}", [Placeholder(Source("attribute", "email"))]),
        (
            "{givenName}.{familyName}@x",
            [
                Placeholder(Source("attribute", "givenName")),
                Text("."),
                Placeholder(Source("attribute", "familyName")),
                Text("@x"),
            ],
        ),
        ("{{{sourcedId}}}", [Text("{"), Placeholder(Source("attribute", "sourcedId")), Text("}")]),
        ("a{{b}}", [Text("a{b}")]),
        ("{metadata.a}", [Placeholder(Source("metadata", "a"))]),
        ("{userIds[type=X].identifier}", [Placeholder(Source("userId", "X"))]),
    ],
)
def test_template(text: str, pieces: list[Text | Placeholder]) -> None:
    assert parse_template(text) == pieces


@pytest.mark.parametrize("text", ["{", "}", "{a", "a}", "{}", "{a b}", "{a{b}}"])
def test_template_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"brace|placeholder"):
        parse_template(text)


def test_an_entry_names_everything_it_reads() -> None:
    entry = {"entity": "Teacher", "attribute": "email", "template": "{givenName}{metadata.k}@x"}
    assert AttributeMapping.model_validate(entry).sources == (Source("attribute", "givenName"), Source("metadata", "k"))


def test_from_keeps_its_name_when_written_out() -> None:
    entry = {"entity": "Student", "attribute": "username", "from": "email"}
    dumped = AttributeMapping.model_validate(entry).model_dump(mode="json", exclude_defaults=True)
    assert dumped == entry

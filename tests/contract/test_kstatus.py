"""Flux and others wait for objects as kstatus reads them. It reads every state of ours right."""

from support.gitops_states import states
from support.kstatus import computed


def test_every_state_of_every_kind():
    named = [(kind, name, *found) for kind, of in states().items() for name, found in of.items()]

    made = computed([obj for _, _, obj, _, _ in named])

    found = {(kind, name): status for (kind, name, *_), status in zip(named, made, strict=True)}
    assert found == {(kind, name): expected for kind, name, _, expected, _ in named}


def test_an_object_that_changed_since_is_in_progress():
    obj = states()["FocusConnection"]["verified"][0]
    changed = obj | {"metadata": obj["metadata"] | {"generation": obj["metadata"]["generation"] + 1}}

    assert computed([obj, changed]) == ["Current", "InProgress"]

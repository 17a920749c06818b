"""Views of connections: made once a generation, and kept as long as somebody needs them."""

from rostersync.controller.view import Views


def connection(uid="u1", generation=1, **spec):
    meta = {"name": "springfield", "namespace": "rosters", "uid": uid, "generation": generation}
    return {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": meta, "spec": spec}


def test_a_view_is_made_anew_when_the_spec_changed():
    views = Views()
    first = views.of(connection())

    assert views.of(connection()) is first
    assert views.of(connection(generation=2)).generation == 2


def test_an_invalid_spec_has_a_view_that_says_why():
    assert Views().of(connection()).known.problem[0] == "InvalidSpec"


def test_connections_that_nobody_needs_are_forgotten():
    views = Views()
    views.of(connection("u1"))
    views.of(connection("u2"))

    views.keep({"u2"})
    assert views.last("u1") is None
    assert views.last("u2").uid == "u2"

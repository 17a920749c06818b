"""kubectl roster with a second kind of connection: named as KIND/NAME, shown as `Kind name`, asked for by its own path."""

import io
import json

import pytest
from click.testing import CliRunner
from rich.console import Console

from rostersync.api.kinds import connections
from rostersync.errors import Permanent
from rostersync.plugin import options
from rostersync.plugin.command import cli
from rostersync.render.runs import page
from support.example_kind import registered


def kinds():
    return ", ".join(f"{kind.singular} ({kind.short})" for kind in connections())


def connection(kind, name="springfield"):
    return {"kind": kind, "metadata": {"name": name, "namespace": "rosters", "uid": f"{kind}-{name}"}, "spec": {}}


def run(name, kind):
    spec = {"connectionRef": {"kind": kind, "name": "springfield"}}
    return {"kind": "SyncRun", "metadata": {"name": name, "namespace": "rosters", "uid": name}, "spec": spec}


class Cluster:
    """A cluster with both kinds, a connection of each, both called springfield; `unknown`: a kind that it lacks."""

    namespace, default = "rosters", "rosters"

    def __init__(self, unknown=""):
        self.unknown, self.written = unknown, []
        self.connections = [connection("FocusConnection"), connection("ExampleConnection")]
        self.runs = [run("one", "FocusConnection"), run("two", "ExampleConnection")]

    def get(self, kind, name):
        for obj in self.list(kind):
            if obj["metadata"]["name"] == name:
                return obj
        raise Permanent(f"There is no {kind} {name} in namespace rosters.", reason="NotFound")

    def list(self, kind, everywhere=False, fields=""):
        if kind == self.unknown:
            raise Permanent(f"This cluster knows no {kind}.", reason="NotInstalled")
        return self.runs if kind == "SyncRun" else [c for c in self.connections if c["kind"] == kind]

    def create(self, kind, name, spec):
        self.written.append((kind, name, spec))
        return {"kind": kind, "metadata": {"name": name, "uid": "u"}, "spec": spec}

    def patch(self, kind, name, change):
        self.written.append((kind, name, change))
        return self.get(kind, name)

    def has_namespace(self):
        return True

    def whoami(self):
        return "alice"

    def now(self):
        from datetime import UTC, datetime

        return datetime(2026, 11, 24, 2, 7, 9, tzinfo=UTC)


@pytest.fixture
def types(monkeypatch):
    def types(*words, cluster=None, code=0):
        monkeypatch.setattr(options, "cluster", lambda: types.cluster)
        types.cluster = cluster or Cluster()
        said = CliRunner().invoke(cli, list(words))
        assert said.exit_code == code, said.output
        return said.output

    with registered():
        yield types


@pytest.mark.parametrize("kind", ["exampleconnection", "exampleconnections", "xcon", "ExampleConnection"])
def test_a_run_is_made_of_the_connection_of_that_kind(types, kind):
    types("run", f"{kind}/springfield", "--no-wait")
    ((made, name, spec),) = types.cluster.written
    assert (made, name) == ("SyncRun", "springfield-20261124t020709-exampleconnection")
    assert spec["connectionRef"] == {"kind": "ExampleConnection", "name": "springfield"}


def test_a_name_alone_is_of_the_default_kind(types):
    types("run", "springfield", "--no-wait")
    ((_, name, spec),) = types.cluster.written
    assert name == "springfield-20261124t020709"
    assert spec["connectionRef"] == {"kind": "FocusConnection", "name": "springfield"}


def test_the_connection_of_that_kind_is_tested(types):
    said = types("check", "xcon/springfield", "--no-wait")
    assert types.cluster.written[0][:2] == ("ExampleConnection", "springfield")
    assert "`kubectl describe exampleconnection springfield` shows the result." in said


def test_runs_are_those_of_the_connection_of_that_kind(types):
    found = json.loads(types("runs", "xcon/springfield", "-o", "json"))
    assert [r["metadata"]["name"] for r in found["items"]] == ["two"]
    assert [r["metadata"]["name"] for r in json.loads(types("runs", "springfield", "-o", "json"))["items"]] == ["one"]


def test_the_newest_run_is_shown_of_the_connection_of_that_kind(types):
    assert json.loads(types("show", "--connection", "xcon/springfield", "-o", "json"))["metadata"]["name"] == "two"
    assert "ExampleConnection springfield" in types("show", "two")


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("springfield", "FocusConnection springfield"),
        ("xcon/springfield", "ExampleConnection springfield"),
        ("fcon/two", "FocusConnection two"),
        ("two", "Run two"),
        ("north", "ExampleConnection north"),
    ],
)
def test_a_connection_is_shown_unless_a_run_has_the_name(types, typed, title):
    cluster = Cluster()
    cluster.connections += [connection("FocusConnection", "two"), connection("ExampleConnection", "north")]
    assert types("show", typed, cluster=cluster).splitlines()[0] == title


def test_a_connection_is_shown_with_the_others_of_its_district(types):
    cluster = Cluster()
    for obj in cluster.connections:
        delivery = {"serviceURL": "https://sis.example/api", "credentialsSecretRef": {"name": "sis"}}
        terms = {"accepted": True}
        obj["apiVersion"] = "rostersync.dev/v1alpha1"
        words = dict.fromkeys(("multipleDataSources", "compareByDomainsOfUniqueness"), True)
        words["domainsOfUniqueness"] = [{"entity": "Student", "attributes": ["email"]}]
        obj["spec"] = {"termsOfUse": terms, "deliveryConfig": delivery} | words
    lines = [" ".join(line.split()) for line in types("show", "springfield", cluster=cluster).splitlines()]
    assert "springfield springfield this one" in lines
    assert "ex-springfield ExampleConnection springfield agrees" in lines
    assert "Last run: one: New" in lines
    assert json.loads(types("show", "xcon/springfield", "-o", "json"))["kind"] == "ExampleConnection"


def test_a_name_that_nothing_has_is_answered_with_the_runs(types):
    assert "There is no SyncRun shelbyville" in types("show", "shelbyville", code=1)


def test_both_are_listed_and_the_other_kind_says_so(types):
    lines = [line.split("  ")[0] for line in types("runs").splitlines()]
    assert lines[2:4] == ["ExampleConnection springfield", "springfield"]


@pytest.mark.parametrize("unknown", ["ExampleConnection", "FocusConnection"])
def test_a_kind_that_the_cluster_does_not_know_is_left_out(types, unknown):
    known = {"ExampleConnection", "FocusConnection"} - {unknown}
    shown = types("runs", cluster=Cluster(unknown))
    assert "springfield" in shown
    cluster = Cluster(unknown)
    cluster.runs = []
    assert ("ExampleConnection springfield" in types("runs", cluster=cluster)) == ("ExampleConnection" in known)


def test_one_that_is_not_there_is_named_with_those_that_are(types):
    said = types("check", "xcon/shelbyville", code=1)
    assert "There is no ExampleConnection shelbyville in namespace rosters." in said
    assert "There are: exampleconnection/springfield, springfield." in said


def test_a_kind_that_is_none_is_refused(types):
    said = types("check", "syncrun/one", code=2)
    assert f"KIND is one of {kinds()}" in " ".join(said.split())


@pytest.mark.parametrize("command", ["check", "run", "runs"])
def test_help_says_how_a_connection_is_named(command):
    said = " ".join(CliRunner().invoke(cli, [command, "--help"]).output.split())
    assert f"CONNECTION is NAME, or KIND/NAME as for kubectl; kinds: {kinds()}." in said


def test_runs_of_the_default_kind_are_shown_as_ever():
    out = Console(file=io.StringIO(), width=120, markup=False, highlight=False)
    page(out, [run("one", "FocusConnection")], [connection("FocusConnection")])
    assert "FocusConnection" not in out.file.getvalue()

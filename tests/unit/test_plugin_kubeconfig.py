"""Which cluster and namespace are meant: what kubectl would take, and a sentence when there is none."""

import json
import socket
import ssl
import sys
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml
from click.testing import CliRunner

from rostersync.errors import Permanent, Retryable
from rostersync.plugin.cluster import Cluster
from rostersync.plugin.command import cli
from rostersync.plugin.kubeconfig import Target, login


@pytest.fixture(autouse=True)
def _no_cluster_of_this_machine(monkeypatch, tmp_path):
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def kubeconfig(path, server="http://127.0.0.1:1", current="one", contexts=("one",), user=None, **context):
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": c, "cluster": {"server": server}} for c in contexts],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": c, "context": {"cluster": c, "user": "u", **context}} for c in contexts],
        **({"current-context": current} if current else {}),
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


def call(*words):
    return CliRunner().invoke(cli, list(words))


@contextmanager
def served(code, text, kind="application/json", retry_after=None):
    """An HTTP server that always answers the same; gives its address, and the paths that were asked for."""
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_without_a_kubeconfig_it_says_which_was_looked_for():
    result = call("runs")

    assert result.exit_code == 1
    assert "No kubeconfig: ~/.kube/config is not there" in result.output


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path):
    assert f"No kubeconfig: {tmp_path}/x is not there" in call("runs", "--kubeconfig", f"{tmp_path}/x").output


UNREAD = {
    "[1, 2": "cannot be read: line 1 is not valid YAML.",
    "just text": "cannot be read: it is not laid out as a kubeconfig is.",
    "contexts: 7\ncurrent-context: one": "cannot be read: it is not laid out as a kubeconfig is.",
    "contexts: [{}]": "cannot be read: it is not laid out as a kubeconfig is.",
    "\x00": "cannot be read: it is not YAML text.",
    "a: 1": "has no current context",
}


@pytest.mark.parametrize(("text", "told"), UNREAD.items())
def test_a_kubeconfig_that_is_none_is_a_sentence(tmp_path, text, told):
    (tmp_path / "k").write_text(text)

    result = call("runs", "--kubeconfig", str(tmp_path / "k"))

    assert result.exit_code == 1
    assert told in result.output
    assert "Error)" not in result.output


def test_contexts_are_named_when_none_is_chosen_or_it_is_not_there(tmp_path):
    path = kubeconfig(tmp_path / "k", current=None, contexts=("one", "two"))

    assert "has no current context: choose one with --context" in call("runs", "--kubeconfig", path).output
    result = call("runs", "--kubeconfig", path, "--context", "three")
    assert "has no context three. There are: one, two." in result.output


def test_a_context_without_its_cluster_is_a_sentence(tmp_path):
    path = tmp_path / "k"
    kubeconfig(path)
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"clusters": []}))

    result = call("runs", "--kubeconfig", str(path))

    assert "context one cannot be used" in result.output


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("show", "Foo/x"), "Foo/x is not a connection"),
        (("show", "Foo_x"), "Foo_x is no name of a run"),
        (("cancel", "Foo/x"), "Foo/x is no name of a run"),
        (("approve", "--reason", "seen", "--digest", "12"), "12 is no digest of a plan"),
    ],
)
def test_an_argument_that_nothing_can_have_is_refused_without_asking_the_cluster(words, why):
    result = call(*words, "--kubeconfig", "/nowhere")

    assert result.exit_code == 2
    assert why in result.output


def test_a_cluster_that_is_not_there_is_named(tmp_path):
    with socket.socket() as taken:  # bound and not listening: nobody else answers there
        taken.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{taken.getsockname()[1]}"

        result = call("runs", "--kubeconfig", kubeconfig(tmp_path / "k", server))

    assert result.exit_code == 1
    assert f"The cluster at {server} cannot be reached (connection refused)" in result.output
    assert "Traceback" not in result.output
    assert len(result.output.splitlines()) == 1


def test_the_namespace_is_the_contexts_else_default(tmp_path):
    assert login(Target(kubeconfig(tmp_path / "k"))).namespace == "default"
    assert login(Target(kubeconfig(tmp_path / "k", namespace="rosters"))).namespace == "rosters"


def test_of_several_kubeconfigs_the_first_current_context_counts_as_for_kubectl(tmp_path, monkeypatch):
    first = kubeconfig(tmp_path / "1", "http://one.example", "one")
    second = kubeconfig(tmp_path / "2", "http://two.example", "two", ("two",))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path}/missing:{second}")

    assert login(Target()).server == "http://one.example"
    assert login(Target(context="two")).server == "http://two.example"


EMPTY = json.dumps({"kind": "List", "metadata": {}, "items": []})


@pytest.mark.parametrize("words", [["-n", "rosters", "runs"], ["runs", "-n", "rosters"]])
def test_options_stand_before_or_after_the_command(tmp_path, words):
    with served(200, EMPTY) as (server, asked):
        result = call(*words, "--kubeconfig", kubeconfig(tmp_path / "k", server, namespace="other"))

    assert result.exit_code == 0, result.output
    assert {path.split("?")[0].rpartition("/")[0] for path, _ in asked} - {"/api/v1/namespaces"} == {
        "/apis/rostersync.dev/v1alpha1/namespaces/rosters"
    }
    assert "kubectl roster run CONNECTION -n rosters" in result.output


def test_a_token_is_sent(tmp_path):
    with served(200, EMPTY) as (server, asked):
        call("runs", "--kubeconfig", kubeconfig(tmp_path / "k", server, user={"token": "t0"}))

    assert {headers["authorization"] for _, headers in asked} == {"Bearer t0"}


def test_a_server_that_is_no_api_server_is_a_sentence(tmp_path):
    with served(200, "<html>Sign in</html>", "text/html") as (server, _):
        result = call("runs", "--kubeconfig", kubeconfig(tmp_path / "k", server))

    assert f"{server} does not answer as a Kubernetes API server does" in result.output


def test_certificates_are_verified_as_kubectl_does(tmp_path):
    """Without the strictness of Python 3.13, which refuses many a cluster's own authority."""
    used = login(Target(kubeconfig(tmp_path / "k"))).client.rest_client.pool_manager.connection_pool_kw["ssl_context"]

    assert not used.verify_flags & ssl.VERIFY_X509_STRICT
    assert used.verify_mode == ssl.CERT_REQUIRED
    assert used.check_hostname


def test_a_run_whose_request_may_have_arrived_is_not_asked_for_twice(tmp_path):
    accepted = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up():
            with suppress(OSError):
                while True:
                    taken, _ = server.accept()
                    with taken:
                        accepted.append(taken.recv(65536)[:4])

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        where = Cluster(login(Target(kubeconfig(tmp_path / "k", f"http://127.0.0.1:{server.getsockname()[1]}"))))

        with pytest.raises(Retryable, match="cannot be reached"):
            where.create("SyncRun", "r", {})
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)

    assert accepted == [b"POST"]


def test_a_server_that_is_busy_is_asked_again(tmp_path):
    with served(429, "{}", retry_after="0") as (server, asked):
        result = call("runs", "--kubeconfig", kubeconfig(tmp_path / "k", server))

    assert "cannot answer at the moment (429); try again" in result.output
    assert len(asked) > 2


def test_a_credential_plugin_that_fails_is_quoted(tmp_path):
    helper = tmp_path / "helper"
    helper.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('log in at the portal')\n")
    helper.chmod(0o700)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(helper)}}

    with pytest.raises(Permanent, match=r"are not available: exec: process returned 1. log in at the portal"):
        login(Target(kubeconfig(tmp_path / "k", user=user)))


def test_a_bug_is_told_without_a_traceback_unless_asked(tmp_path):
    broken = json.dumps({"metadata": {}, "items": [{"kind": "SyncRun"}]})
    with served(200, broken) as (server, _):
        path = kubeconfig(tmp_path / "k", server)
        quiet, loud = call("runs", "--kubeconfig", path), call("runs", "--kubeconfig", path, "--debug")

    assert (quiet.exit_code, quiet.output) == (
        1,
        "Error: kubectl roster failed unexpectedly (KeyError); see --debug.\n",
    )
    assert isinstance(loud.exception, KeyError)

"""Chooses the cluster and the namespace as kubectl does, and makes a client."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rostersync.api.api_server import accept_lenient_authorities
from rostersync.errors import Permanent

DEFAULT = "~/.kube/config"
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Target:
    """What the options name. None: not given."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    user: str | None = None  # whom to act as
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Login:
    """A client (kubernetes.client.ApiClient), its server, and the namespace of the context."""

    client: Any
    server: str
    namespace: str


def login(target: Target) -> Login:
    """A client for the target. Raises Permanent if the configuration names no usable cluster."""
    paths = _paths(target)
    if not paths and target.context is None and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return _in_pod()
    if not paths:
        raise Permanent(
            f"No kubeconfig: {_wanted(target)} is not there, so there is no cluster to ask. Name one with --kubeconfig "
            "or KUBECONFIG.",
            reason="NoKubeconfig",
        )
    import yaml

    try:
        return _from_files(paths, target)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise Permanent(
            f"The kubeconfig {os.pathsep.join(paths)} cannot be read: {_why_unread(error)}. `kubectl config view` says what "
            "kubectl reads from it.",
            reason="InvalidKubeconfig",
        ) from error


def _why_unread(error: Exception) -> str:
    """What is wrong with a file, without quoting it, since it may hold a token."""
    import yaml

    if isinstance(error, OSError):
        return error.strerror or "the system gave no reason"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1} is not valid YAML"
    if isinstance(error, yaml.YAMLError | UnicodeDecodeError):
        return "it is not YAML text"
    return "it is not laid out as a kubeconfig is"


def _from_files(paths: list[str], target: Target) -> Login:
    import yaml
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, load_kube_config

    files = [yaml.safe_load(Path(p).read_text(encoding="utf-8")) or {} for p in paths]
    # Like kubectl, take the first file that names one. The library takes the last, which may be another cluster.
    context = target.context or next((f["current-context"] for f in files if f.get("current-context")), None)
    contexts = {c["name"]: c.get("context") or {} for f in reversed(files) for c in f.get("contexts") or []}
    there = ", ".join(sorted(contexts)) or "none"
    if context is None:
        raise Permanent(
            f"The kubeconfig has no current context: choose one with --context, or `kubectl config use-context`. "
            f"There are: {there}.",
            reason="NoContext",
        )
    if context not in contexts:
        raise Permanent(f"The kubeconfig has no context {context}. There are: {there}.", reason="NoContext")
    configuration = Configuration()
    said = _Said()
    root = logging.getLogger()
    root.addHandler(said)  # if a credential plugin fails, the library only logs why, and goes on without credentials
    try:
        load_kube_config(os.pathsep.join(paths), context, configuration)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise Permanent(
            f"The kubeconfig's context {context} cannot be used: {error}", reason="InvalidKubeconfig"
        ) from error
    finally:
        root.removeHandler(said)
    if said.texts:
        raise Permanent(
            f"The credentials of the kubeconfig's context {context} are not available: {' '.join(said.texts)}",
            reason="NoCredentials",
        )
    namespace = contexts[context].get("namespace") or "default"
    return Login(_client(configuration), configuration.host, namespace)


def _in_pod() -> Login:
    """A client for the service account of the pod that this runs in."""
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, load_incluster_config

    configuration = Configuration()
    try:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise Permanent(f"This pod's service account cannot be used: {error}", reason="NoKubeconfig") from error
    namespace = POD_NAMESPACE.read_text(encoding="utf-8").strip() if POD_NAMESPACE.exists() else "default"
    return Login(_client(configuration), configuration.host, namespace)


def _client(configuration: Any) -> Any:
    """A client that verifies certificates and repeats requests as kubectl does."""
    import urllib3
    from kubernetes.client import ApiClient
    from urllib3.util.ssl_ import create_urllib3_context

    # A request that the API server turned away (429, 503) is sent again. One that it may have begun is not: two requests
    # for a run would be two runs.
    configuration.retries = urllib3.Retry(
        total=5, connect=1, read=0, other=0, allowed_methods=None, raise_on_status=False
    )
    client = ApiClient(configuration)
    pool = client.rest_client.pool_manager.connection_pool_kw
    context = create_urllib3_context(cert_reqs=pool["cert_reqs"])
    accept_lenient_authorities(context)
    if not pool.get("ca_certs") and not pool.get("ca_cert_data"):
        context.load_default_certs()
    pool["ssl_context"] = context
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the kubeconfig asks for it
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of every retry
    return client


def _paths(target: Target) -> list[str]:
    """The kubeconfig files that exist."""
    if target.kubeconfig:
        wanted = [target.kubeconfig]
    else:
        wanted = [p for p in os.environ.get("KUBECONFIG", "").split(os.pathsep) if p] or [DEFAULT]
    return [path for p in wanted if os.path.isfile(path := os.path.expanduser(p))]


def _wanted(target: Target) -> str:
    return target.kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT


class _Said(logging.Handler):
    """Collects what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

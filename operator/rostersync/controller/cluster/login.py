"""How to reach the cluster and log in. The kubernetes package reads the configuration, and one session uses it."""

import base64
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from rostersync.api.api_server import accept_lenient_authorities
from rostersync.errors import Permanent

_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True)
class Login:
    """An API server and the credentials for it."""

    server: str
    context: ssl.SSLContext | None
    token: str = ""
    token_file: Path | None = None  # read again for every request, since a pod's tokens live for an hour
    basic: str = ""

    def session(self) -> aiohttp.ClientSession:
        """A session that logs in with every request. Connections are not limited, since each watch holds one."""

        async def log_in(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            token = self.token_file.read_text(encoding="utf-8").strip() if self.token_file else self.token
            if token:
                request.headers["Authorization"] = f"Bearer {token}"
            elif self.basic:
                request.headers["Authorization"] = f"Basic {self.basic}"
            return await send(request)

        connector = aiohttp.TCPConnector(limit=0, ssl=self.context if self.context else True)
        return aiohttp.ClientSession(connector=connector, middlewares=(log_in,))


def login(kubeconfig: str | None = None, context: str | None = None) -> Login:
    """Log in by the given kubeconfig, else as the pod, else by the default kubeconfig. Raises Permanent."""
    import yaml
    from kubernetes import client, config

    found = client.Configuration()
    inside = not kubeconfig and "KUBECONFIG" not in os.environ and _TOKEN.exists()
    try:
        if inside:
            config.load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config(kubeconfig, context, client_configuration=found)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        if inside:
            why = f"This pod's service account cannot be used: {_told(error)}."
        else:
            why = _unusable(kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config", context, error)
        raise Permanent(
            f"{why} Name a kubeconfig with --kubeconfig or KUBECONFIG, or run in a pod with a service account.",
            reason="NoCluster",
        ) from error
    bearer = str((found.api_key or {}).get("BearerToken") or (found.api_key or {}).get("authorization") or "")
    basic = base64.b64encode(f"{found.username}:{found.password}".encode()).decode() if found.username else ""
    return Login(
        found.host,
        _tls(found) if found.host.startswith("https") else None,
        "" if inside else bearer.removeprefix("Bearer ").strip(),
        _TOKEN if inside else None,
        basic,
    )


def _unusable(paths: str, context: str | None, error: Exception) -> str:
    """What is wrong with the kubeconfig that was named, or with the default one."""
    there = [path for path in paths.split(os.pathsep) if Path(path).expanduser().exists()]
    if not there:
        return f"There is no way to a cluster: the kubeconfig {paths} does not exist."
    of = f" (context {context})" if context else ""
    return f"There is no way to a cluster: the kubeconfig {paths}{of} cannot be used: {_told(error)}."


def _told(error: Exception) -> str:
    """The first line of what a library says. What other errors say may quote the file, which holds credentials."""
    from kubernetes.config import ConfigException

    if isinstance(error, ConfigException):
        return str(error).splitlines()[0].strip().rstrip(".") if str(error).strip() else "it is not complete"
    if isinstance(error, OSError):
        return error.strerror or "it cannot be read"
    if mark := getattr(error, "problem_mark", None):
        return f"it is not YAML (line {mark.line + 1})"
    return "it is not a kubeconfig"


def _tls(found: object) -> ssl.SSLContext:
    """TLS as configured."""
    made = ssl.create_default_context(cafile=getattr(found, "ssl_ca_cert", None) or None)
    accept_lenient_authorities(made)
    if not getattr(found, "verify_ssl", True):
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    certificate = getattr(found, "cert_file", None)
    if certificate:
        made.load_cert_chain(certificate, getattr(found, "key_file", None) or None)
    return made

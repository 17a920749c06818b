"""`rostersync operator`: what the operator's Deployment runs."""

import json
import logging
import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from rostersync.controller.options import Options

_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def _resources(_: click.Context, __: click.Parameter, value: str | None) -> dict[str, Any] | None:
    if not value:
        return None
    try:
        data = json.loads(value)
    except ValueError:
        data = None
    if not isinstance(data, dict) or set(data) - {"requests", "limits"}:
        raise click.BadParameter('must be JSON such as {"requests": {"cpu": "250m"}, "limits": {"memory": "1Gi"}}')
    return data


def _seconds(time: timedelta) -> int:
    return int(time.total_seconds())


def _listen(_: click.Context, __: click.Parameter, value: str) -> tuple[str, int]:
    host, _sep, port = value.rpartition(":")
    if not port.isdigit():
        raise click.BadParameter("must be ADDRESS:PORT, such as 0.0.0.0:8080")
    return (host, int(port))


@click.command(
    context_settings={"auto_envvar_prefix": "ROSTERSYNC_OPERATOR"},
    epilog="""\b
Examples:
  rostersync operator --image rostersync:0.1.0
  rostersync operator --image rostersync:0.1.0 --kubeconfig ~/.kube/config

Each option can also come from the environment, under the prefix ROSTERSYNC_OPERATOR, as in ROSTERSYNC_OPERATOR_IMAGE.""",
)
@click.option("--image", required=True, help="Image of the Jobs; the operator's own.")
@click.option(
    "--image-pull-policy",
    type=click.Choice(["Always", "IfNotPresent", "Never"]),
    default=Options.image_pull_policy,
    show_default=True,
    help="When the Jobs' image is pulled.",
)
@click.option(
    "--namespace", "namespaces", multiple=True, help="Watch only this namespace; may be repeated. Default: all."
)
@click.option(
    "--job-service-account", default=Options.service_account, show_default=True, help="Service account of the Jobs."
)
@click.option(
    "--job-resources", callback=_resources, help="Requests and limits of Jobs whose connection has none; JSON."
)
@click.option(
    "--max-concurrent-runs", type=click.IntRange(1), default=Options.runs, show_default=True, help="Jobs at a time."
)
@click.option(
    "--max-concurrent-runs-per-namespace",
    type=click.IntRange(1),
    default=Options.runs_per_namespace,
    show_default=True,
    help="Jobs at a time in one namespace.",
)
@click.option(
    "--job-deadline-seconds",
    type=click.IntRange(300),
    default=_seconds(Options.job_deadline),
    show_default=True,
    help="How long a Job may take.",
)
@click.option(
    "--start-deadline-seconds",
    type=click.IntRange(10),
    default=_seconds(Options.start_deadline),
    show_default=True,
    help="How long to wait for a pod that does not start.",
)
@click.option(
    "--finished-job-ttl-seconds",
    type=click.IntRange(0),
    default=_seconds(Options.finished_ttl),
    show_default=True,
    help="How long a finished Job, and so its log, is kept.",
)
@click.option(
    "--allow-loopback",
    is_flag=True,
    help="Jobs may contact a SIS under a loopback address, for trials. They are refused otherwise.",
)
@click.option(
    "--approver", "approvers", multiple=True, help="A service account that may decide, spelled as in the policies."
)
@click.option("--lease-namespace", help="Where the Lease is; default the operator's own namespace.")
@click.option("--lease-name", default=Options.lease_name, show_default=True, help="The Lease that the leader holds.")
@click.option("--identity", help="What this process calls itself; default the host's name.")
@click.option(
    "--listen",
    default=f"{Options.host}:{Options.port}",
    show_default=True,
    callback=_listen,
    help="Where probes and metrics are served.",
)
@click.option(
    "--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True, help="Format of the log."
)
@click.option(
    "--kubeconfig", type=click.Path(dir_okay=False), help="How to reach the cluster; default the pod's account."
)
def operator(
    image: str,
    image_pull_policy: str,
    namespaces: tuple[str, ...],
    job_service_account: str,
    job_resources: dict[str, Any] | None,
    max_concurrent_runs: int,
    max_concurrent_runs_per_namespace: int,
    job_deadline_seconds: int,
    start_deadline_seconds: int,
    finished_job_ttl_seconds: int,
    allow_loopback: bool,
    approvers: tuple[str, ...],
    lease_namespace: str | None,
    lease_name: str,
    identity: str | None,
    listen: tuple[str, int],
    log_format: str,
    kubeconfig: str | None,
) -> None:
    """The operator for Kubernetes. It runs the imports of connections and SyncRuns as Jobs.

    It needs the CustomResourceDefinitions, its role and, for held runs, the admission policies. The chart in
    charts/rostersync installs all of them.
    """
    from rostersync.controller.cluster.login import login
    from rostersync.controller.process import main

    _log(log_format)
    own = _NAMESPACE.read_text().strip() if _NAMESPACE.exists() else "rostersync-system"
    more: dict[str, Any] = {"resources": job_resources} if job_resources is not None else {}
    options = Options(
        image=image,
        image_pull_policy=image_pull_policy,
        namespaces=namespaces,
        service_account=job_service_account,
        runs=max_concurrent_runs,
        runs_per_namespace=max_concurrent_runs_per_namespace,
        lease_namespace=lease_namespace or own,
        lease_name=lease_name,
        identity=identity or f"{socket.gethostname()}-{os.getpid()}",
        host=listen[0],
        port=listen[1],
        job_deadline=timedelta(seconds=job_deadline_seconds),
        start_deadline=timedelta(seconds=start_deadline_seconds),
        finished_ttl=timedelta(seconds=finished_job_ttl_seconds),
        allow_loopback=allow_loopback,
        approvers=approvers,
        **more,
    )
    main(options, login(kubeconfig))


class _Lines(logging.Formatter):
    """Formats each log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON, with where an exception was raised, but not its text, which may quote personal data."""
        import traceback

        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            frames = traceback.extract_tb(error.__traceback__)
            line["error"] = type(error).__name__
            line["where"] = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-8:]))
        return json.dumps(line, ensure_ascii=False)


def _log(form: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("kopf", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)

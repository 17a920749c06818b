"""The story of a district on Kubernetes: chart, database, first import, delivery, bad day, approval. Everything stays to look at.

Starts a kind cluster (as `make cluster` does), installs the chart, applies manifests of deploy/samples and deploy/demo/servers,
and prints every command that a person would type before it runs. It stops at the first that ends otherwise than the story says.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from support.cluster.programs import programs, spent
from support.cluster.servers import UPLOAD, servers
from support.cluster.servers_image import servers_image
from support.cluster.sharing import PERSON, up

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "deploy" / "samples"
IMAGE = "rostersync:dev"
NAMESPACE, SYSTEM = "rosters", "rostersync-system"
CONNECTION = "springfield"
PERSON_WHO_APPROVES = "registrar@springfield.example"
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def main() -> None:
    """Tell the story."""
    began = time.monotonic()
    print(
        "It takes about five minutes. On a machine that does it for the first time, programs and images are made before:"
    )
    print("a quarter of an hour on two idle cores, said line by line, and kept for the next time.", flush=True)
    heading("A Kubernetes cluster on this machine, with the image of this clone")
    cluster = up(PERSON, IMAGE)
    image = servers_image(cluster)
    path = f"{programs('clients')}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ |= {"KUBECONFIG": str(cluster.kubeconfig), "PATH": path}
    run("kubectl", "get", "nodes")
    if out("kubectl", "get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name"):
        sys.exit(
            f"This cluster has a namespace {NAMESPACE} already, from an earlier demo or from you. It stays as it is. To begin "
            "anew: make cluster-down"
        )

    heading("The operator, by its chart")
    name, tag = IMAGE.split(":")
    run(
        "helm",
        "upgrade",
        "--install",
        "rostersync",
        str(ROOT / "charts" / "rostersync"),
        "--namespace",
        SYSTEM,
        "--create-namespace",
        "--set",
        f"image.repository={name},image.tag={tag},image.pullPolicy=Never",
        "--wait",
        "--timeout",
        "3m",
    )

    heading("A namespace, who may approve there, and a Focus with made-up people")
    for sample in (
        "00-namespace",
        "01-service-account",
        "02-approver",
        "simulated-focus-secret",
        "simulated-focus-service",
    ):
        run("kubectl", "apply", "-f", str(SAMPLES / f"{sample}.yaml"))
    deployment = (SAMPLES / "simulated-focus-deployment.yaml").read_text().replace("rostersync:0.1.0", IMAGE)
    run(
        "kubectl", "apply", "-f", "-", given=deployment, note=f"simulated-focus-deployment.yaml, with the image {IMAGE}"
    )

    heading("A database for the roster, and School Passport's SFTP server: PostgreSQL and OpenSSH in the cluster")
    made = servers(image)
    told = "passwords, keys and a certificate, made now and for this cluster alone"
    run("kubectl", "apply", "-f", "-", given=made.secrets, note=told)
    run(
        "kubectl",
        "apply",
        "-f",
        "-",
        given=made.postgres,
        note=f"deploy/demo/servers/postgres.yaml, with the image {image}",
    )
    run("kubectl", "apply", "-f", "-", given=made.sftp, note=f"deploy/demo/servers/sftp.yaml, with the image {image}")
    for server in ("statefulset/postgres", "deployment/school-passport", "deployment/simulated-focus"):
        run("kubectl", "rollout", "status", server, "-n", NAMESPACE, "--timeout=2m")

    heading("The district: a FocusConnection, which is tested, imported and delivered")
    told = "deploy/demo/servers/connection.yaml, with the host key of that SFTP server"
    run("kubectl", "apply", "-f", "-", given=made.connection, note=told)
    for tested in ("ConnectionVerified", "StoreVerified", "DeliveriesVerified"):
        wait_for(f"focusconnection/{CONNECTION}", f"condition={tested}")
    conditions = '{range .status.conditions[*]}{.type}: {.message}{"\\n"}{end}'
    run("kubectl", "get", "focusconnection", CONNECTION, "-n", NAMESPACE, "-o", f"jsonpath={conditions}")
    first = newest()
    wait_for(f"syncrun/{first}", "jsonpath={.status.outcome}")
    run("kubectl", "get", "focusconnections,syncruns", "-n", NAMESPACE, "-o", "wide")
    heading("What arrived at School Passport is what the run's status says")
    arrived(first)

    heading("A bad day: 40 % of the students are missing from what Focus sends")
    tell("event", {"event": "mass-leave:40"})
    run(
        "kubectl",
        "annotate",
        "focusconnection",
        CONNECTION,
        "-n",
        NAMESPACE,
        "--overwrite",
        f"rostersync.dev/requestedAt={time.time():.0f}",
    )
    held = newest(after=first)
    wait_for(f"syncrun/{held}", "jsonpath={.status.approval.state}=Pending")
    run("kubectl", "get", "syncruns", "-n", NAMESPACE)
    run("kubectl", "get", "syncapprovals", "-n", NAMESPACE, "--field-selector", "status.state=Pending")
    run("kubectl", "roster", "show", held, "-n", NAMESPACE)

    heading(f"{PERSON_WHO_APPROVES} knows why, and approves exactly these changes")
    approval = out("kubectl", "get", "syncrun", held, "-n", NAMESPACE, "-o", "jsonpath={.status.approval.name}")
    patch = json.dumps(
        {"spec": {"decision": "Approved", "reason": "The schools confirm that these students have left"}}
    )
    run(
        "kubectl",
        "patch",
        "syncapproval",
        approval,
        "-n",
        NAMESPACE,
        "--type=merge",
        "-p",
        patch,
        "--as",
        PERSON_WHO_APPROVES,
    )
    wait_for(f"syncrun/{held}", "jsonpath={.status.outcome}")
    run("kubectl", "get", "syncruns,syncapprovals", "-n", NAMESPACE, "-o", "wide")
    run("kubectl", "get", "events", "-n", NAMESPACE, "--field-selector", "source=rostersync-operator")

    heading("School Passport has a second zip, and the database has fewer students")
    arrived(held)
    count = "SELECT entity, status, count(*) FROM rostersync.users GROUP BY entity, status ORDER BY entity, status"
    psql = ("psql", "--host=/tmp", "--username=postgres", "--dbname=rosters", f"--command={count}")
    run("kubectl", "exec", "-n", NAMESPACE, "postgres-0", "--", *psql)

    print(f"\n{took(time.monotonic() - began, spent())} The cluster stays; to look further:\n")
    print(f"  export KUBECONFIG={cluster.kubeconfig} PATH={programs('clients')}:{Path(sys.executable).parent}:$PATH\n")
    print("It is removed by: make cluster-down, which also says what else stays on this machine, and where.")


def took(whole: float, once: float) -> str:
    """How long the demo took, without what is made once."""
    first = f", and {once:.0f} s went into what is made once" if once >= 1 else ""
    return f"The demo took {whole - once:.0f} s{first}."


def arrived(name: str) -> None:
    """What a run has delivered, in its status and in the receiver's folder; leave when they are not the same."""
    receiver = ("kubectl", "exec", "-n", NAMESPACE, "deployment/school-passport", "--")
    said = ("kubectl", "get", "syncrun", name, "-n", NAMESPACE, "-o", "jsonpath={.status.deliveries[0].sha256}")
    run("kubectl", "roster", "deliveries", "-n", NAMESPACE)
    run(*receiver, "ls", "-l", UPLOAD)
    run(*said)
    print()
    run(*receiver, "sh", "-c", f"sha256sum {UPLOAD}/*")
    checksum = out(*said)
    if not checksum or checksum not in out(*receiver, "sh", "-c", f"sha256sum {UPLOAD}/*"):
        sys.exit(f"No file there has the checksum of {name}. The demo stops here; the cluster stays.")


def newest(after: str = "") -> str:
    """The newest run of the connection, as soon as there is one other than `after`."""
    for _ in range(120):
        names = out(
            "kubectl", "get", "syncruns", "-n", NAMESPACE, "--sort-by=.metadata.creationTimestamp", "-o", "name"
        ).split()
        if names and names[-1].rpartition("/")[2] != after:
            return names[-1].rpartition("/")[2]
        time.sleep(1)
    sys.exit("No run was made. The demo stops here.")


def wait_for(what: str, holds: str) -> None:
    """kubectl wait, in sight of the reader."""
    run("kubectl", "wait", what, "-n", NAMESPACE, f"--for={holds}", "--timeout=5m")


def tell(what: str, said: dict[str, str]) -> None:
    """Let something happen in the simulated district, through the API server."""
    where = f"/api/v1/namespaces/{NAMESPACE}/services/simulated-focus:8600/proxy/_simulator/{what}"
    run("kubectl", "create", "--raw", where, "-f", "-", given=json.dumps(said), note=json.dumps(said))


def run(*command: str, given: str | None = None, note: str = "") -> None:
    """A command in sight of the reader; leave when it fails."""
    words = " ".join(f"'{w}'" if " " in w or "{" in w else w for w in command)
    line = f"$ {words}{f'   # {note}' if note else ''}".replace(f"{ROOT}/", "")
    print(f"\033[1;32m{line}\033[0m" if COLOUR else line, flush=True)
    code = subprocess.run(command, input=given, text=True, check=False).returncode
    if code:
        sys.exit(
            f"This failed (exit code {code}). The demo stops here; the cluster stays, make cluster-down removes it."
        )


def out(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def heading(text: str) -> None:
    """What comes next."""
    print(f"\n\033[1;36m== {text}\033[0m" if COLOUR else f"\n== {text}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)

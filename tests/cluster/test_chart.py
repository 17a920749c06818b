"""The chart and the kustomize base: what they render, that a server takes it, and that both are one product.

Over 300 lines: one topic; most tests are a few lines over the same rendering.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml

from rostersync import __version__
from rostersync.api import policies
from rostersync.api.kinds import plurals
from rostersync.controller.command import operator
from rostersync.controller.options import RUN_LABEL
from support.cluster.plane import ControlPlane
from support.cluster.programs import programs

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "rostersync"
STAMPING = "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
Manifest = dict[str, Any]


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([programs("helm") / "helm", *arguments], capture_output=True, text=True, check=False)


def render(*arguments: str, release: str = "rostersync", namespace: str = "rostersync-system") -> list[Manifest]:
    done = helm("template", release, str(CHART), "-n", namespace, STAMPING, *arguments)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def by_kind(documents: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {f"{d['metadata'].get('namespace', '')}/{d['metadata']['name']}": d for d in documents if d["kind"] == kind}


def only(documents: list[Manifest], kind: str) -> Manifest:
    (found,) = by_kind(documents, kind).values()
    return found


def container(documents: list[Manifest]) -> Manifest:
    found: Manifest = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found


def test_lint_finds_nothing() -> None:
    done = helm("lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__


@pytest.mark.parametrize(
    "wrong",
    [
        "unknown=1",
        "jobs.unknown=1",
        "replicas=two",
        "logFormat=xml",
        "image.pullPolicy=Sometimes",
        "policies.operators={a'b}",
        "watch.namespaces={Not A Name}",
        "jobs.maxConcurrent=0",
        "jobs.networkPolicy.cidrs={everything}",
        "policies.stamping=sometimes",
        "resources.limits.memory=512 MB",
        "jobs.resources.requests.cpu=a quarter",
        "jobs.resources.limits.memory=512Mib",
        "resources.requests.cpu=-1",
    ],
)
def test_a_value_that_is_not_one_is_refused(wrong: str) -> None:
    done = helm("template", "x", str(CHART), "--set", wrong)
    assert done.returncode != 0
    assert "values.schema.json" in done.stderr or "schema" in done.stderr


def test_every_value_is_in_the_schema_and_has_its_default() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(values, schema)

    def compare(value: Manifest, part: Manifest, path: str) -> None:
        if part.get("additionalProperties") is False and path not in (".jobs.resources", ".resources"):
            assert value.keys() == part["properties"].keys() - {"global"}, path
            for name, inner in value.items():
                if isinstance(inner, dict):
                    compare(inner, part["properties"][name], f"{path}.{name}")

    compare(values, schema, "")


@pytest.mark.parametrize(
    "more",
    [
        (),
        (
            "--set",
            "replicas=2",
            "--set",
            "networkPolicy.enabled=true",
            "--set",
            "imagePullSecrets[0].name=x",
            "--set",
            "jobs.networkPolicy.enabled=true",
            "--set",
            "jobs.allowLoopback=true",
        ),
        ("--set-json", 'watch.namespaces=["default","kube-public"]'),
    ],
    ids=["default", "everything", "namespaces"],
)
def test_a_server_takes_what_is_rendered(plane: ControlPlane, more: tuple[str, ...]) -> None:
    """With Pod Security's warnings and unknown fields as errors."""
    documents = [d for d in render(*more) if d["kind"] != "ServiceMonitor"]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
    done = plane.kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-", input=text
    )
    assert done.returncode == 0, done.stderr
    assert "would violate" not in done.stderr


KNOWN = ("--api-versions", "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy")
SERVED = (*KNOWN, "--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy")


@pytest.mark.parametrize(
    ("how", "stamped"),
    [
        ((), True),
        (KNOWN, False),
        (SERVED, True),
        ((*KNOWN, "--set", "policies.stamping=always"), True),
        ((*SERVED, "--set", "policies.stamping=never"), False),
        (("--set", "policies.enabled=false"), False),
    ],
    ids=["no server is known", "a server without them", "a server with them", "always", "never", "no policies"],
)
def test_names_are_stamped_unless_the_server_is_known_not_to(how: tuple[str, ...], stamped: bool) -> None:
    done = helm("template", "x", str(CHART), *how)
    assert done.stdout.count("kind: MutatingAdmissionPolicy\n") == (len(policies.mutating()) if stamped else 0)
    checked = 0 if "policies.enabled=false" in how else len(policies.validating())
    assert done.stdout.count("kind: ValidatingAdmissionPolicy\n") == checked


def test_the_policies_are_those_of_the_types() -> None:
    """Rendered with a release's own values they are what the types give for these."""
    documents = render(
        "--set",
        "policies.operators={system:serviceaccount:b:other}",
        "--set",
        "jobs.serviceAccounts={own}",
        "--set",
        "jobs.claims={a-,b-}",
        "--set",
        "image.repository=registry.example/x",
        release="mine",
        namespace="team",
    )
    wanted = policies.Settings(
        operators=policies.cel_list(
            ["system:serviceaccount:team:mine-rostersync-operator", "system:serviceaccount:b:other"]
        ),
        images=policies.cel_list(["registry.example/x:", "registry.example/x@"]),
        accounts=policies.cel_list(["rostersync-jobs", "own"]),
        claims=policies.cel_list(["a-", "b-"]),
    )
    for made in policies.validating_policies(wanted) + policies.mutating_policies(wanted):
        found = by_kind(documents, made["kind"])[f"/{made['metadata']['name']}"]
        assert squeezed(found["spec"]) == squeezed(made["spec"]), made["metadata"]["name"]


def squeezed(spec: Any) -> str:
    """JSON without spaces, which Helm's lists have none of."""
    return json.dumps(spec, sort_keys=True).replace(" ", "")


@pytest.mark.parametrize(("release", "namespace"), [("rostersync", "rostersync-system"), ("sis", "team-a")])
def test_the_operator_is_who_the_policies_take_it_for(release: str, namespace: str) -> None:
    documents = render(release=release, namespace=namespace)
    account = only(documents, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"]
    assert f"{namespace}/{account}" in by_kind(documents, "ServiceAccount")
    creates = by_kind(documents, "ValidatingAdmissionPolicy")["/syncapproval-create.rostersync.dev"]
    expression = creates["spec"]["validations"][0]["expression"]
    assert expression == f'request.userInfo.username in ["system:serviceaccount:{namespace}:{account}"]'
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
        assert only(documents, kind)["subjects"] == [subject]


def test_the_operators_command_takes_every_argument() -> None:
    documents = render(
        "--set",
        "watch.namespaces={a,b}",
        "--set-json",
        'policies.approverServiceAccounts=["system:serviceaccount:ci:robot"]',
    )
    first, *words = container(documents)["args"]
    assert first == "operator"
    assert operator.make_context("operator", words, parent=click.Context(operator)).params["namespaces"] == ("a", "b")


def test_jobs_get_the_operators_image() -> None:
    for image, given in {
        "r.example/x:1.2": ["image.repository=r.example/x", "image.tag=1.2"],
        f"r.example/x@sha256:{'0' * 64}": ["image.repository=r.example/x", f"image.digest=sha256:{'0' * 64}"],
    }.items():
        documents = render(*(word for value in given for word in ("--set", value)))
        assert container(documents)["image"] == image
        assert f"--image={image}" in container(documents)["args"]
        allowed = json.dumps(by_kind(documents, "ValidatingAdmissionPolicy")["/operator-jobs.rostersync.dev"])
        assert any(image.startswith(prefix) for prefix in ("r.example/x:", "r.example/x@") if prefix in allowed)


def test_for_named_namespaces_the_rights_are_in_these_only() -> None:
    documents = render("--set", "watch.namespaces={a,b}")
    cluster = only(documents_of(documents, "ClusterRole", "-operator:"), "ClusterRole")
    assert {r for rule in cluster["rules"] for r in rule["resources"]} == {
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    }
    roles = by_kind(documents, "Role")
    name = "rostersync-operator:rostersync-system"
    assert roles.keys() == {f"a/{name}", f"b/{name}", "rostersync-system/rostersync-operator-lease"}
    assert by_kind(documents, "RoleBinding").keys() == roles.keys()
    assert roles[f"a/{name}"]["rules"] == whole_rules()
    assert by_kind(documents, "ServiceAccount").keys() == {
        "rostersync-system/rostersync-operator",
        "a/rostersync-jobs",
        "b/rostersync-jobs",
    }


def whole_rules() -> list[Manifest]:
    cluster = only(documents_of(render(), "ClusterRole", "-operator:"), "ClusterRole")
    return [r for r in cluster["rules"] if r["apiGroups"] != ["admissionregistration.k8s.io"]]


def documents_of(documents: list[Manifest], kind: str, part: str) -> list[Manifest]:
    return [d for d in documents if d["kind"] == kind and part in d["metadata"]["name"]]


def test_no_rule_of_the_chart_has_a_wildcard_or_a_secret() -> None:
    for document in render() + render("--set", "watch.namespaces={a}"):
        for rule in document.get("rules", ()):
            assert "*" not in json.dumps(rule)
            assert "secrets" not in rule["resources"]


def test_the_cluster_wide_part_can_be_left_to_another_release() -> None:
    documents = render(
        *(w for v in ("crds.enabled", "policies.enabled", "rbac.people") for w in ("--set", f"{v}=false"))
    )
    kinds = {d["kind"] for d in documents}
    assert not {k for k in kinds if "Admission" in k or k == "CustomResourceDefinition"}
    assert [d["metadata"]["name"] for d in documents if d["kind"] == "ClusterRole"] == [
        "rostersync-operator:rostersync-system"
    ]


def test_uninstalling_keeps_the_crds_unless_told_otherwise() -> None:
    for value, kept in (("true", "keep"), ("false", None)):
        for document in by_kind(render("--set", f"crds.keep={value}"), "CustomResourceDefinition").values():
            assert document["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == kept


def test_two_replicas_have_a_disruption_budget_and_one_has_none() -> None:
    assert by_kind(render(), "PodDisruptionBudget") == {}
    assert only(render("--set", "replicas=2"), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_services_and_monitors_find_the_operator() -> None:
    documents = render("--set", "metrics.serviceMonitor.enabled=true", "--set", "networkPolicy.enabled=true")
    deployment, service = only(documents, "Deployment"), only(documents, "Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert only(documents, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    monitored = only(documents, "ServiceMonitor")["spec"]
    assert monitored["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitored["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    # the pod of `helm test` is not behind the Service that it asks
    assert not service["spec"]["selector"].items() <= only(documents, "Pod")["metadata"]["labels"].items()


def test_jobs_reach_dns_their_servers_and_what_is_named() -> None:
    """Off by default, since not every network enforces it the same way."""
    assert not by_kind(render(), "NetworkPolicy")
    documents = render(
        "--set",
        "jobs.networkPolicy.enabled=true",
        "--set-json",
        'watch.namespaces=["a","b"]',
        "--set-json",
        'jobs.networkPolicy.cidrs=["10.1.2.0/24"]',
    )
    found = by_kind(documents, "NetworkPolicy")
    assert set(found) == {"a/rostersync-jobs", "b/rostersync-jobs"}
    spec = found["a/rostersync-jobs"]["spec"]
    assert spec["podSelector"]["matchExpressions"] == [{"key": RUN_LABEL, "operator": "Exists"}]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    dns, web, named = spec["egress"]
    assert {(p["protocol"], p["port"]) for p in dns["ports"]} == {("UDP", 53), ("TCP", 53)}
    # a SIS and buckets, PostgreSQL, SFTP
    assert web["ports"] == [{"protocol": "TCP", "port": port} for port in (443, 5432, 22)]
    assert web["to"][0]["ipBlock"] == {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}
    assert named == {"to": [{"ipBlock": {"cidr": "10.1.2.0/24"}}]}


def test_loopback_is_a_trial_of_the_operator() -> None:
    assert "--allow-loopback" not in container(render())["args"]
    assert "--allow-loopback" in container(render("--set", "jobs.allowLoopback=true"))["args"]


def kustomize(plane: ControlPlane, folder: str) -> list[Manifest]:
    done = plane.kubectl("kustomize", str(ROOT / "deploy" / folder), check=True)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def test_the_kustomize_base_is_the_same_product(plane: ControlPlane) -> None:
    """The chart with its default values, but for metadata, the namespace and the service account of Jobs."""
    theirs, ours = comparable(render()), comparable(kustomize(plane, "base"))
    fence = "ValidatingAdmissionPolicy/operator-jobs.rostersync.dev"
    theirs[fence] = theirs[fence].replace(r",\"rostersync@\"", "")  # the chart allows digests too
    assert ours.keys() == theirs.keys()
    for name, text in ours.items():
        assert text == theirs[name], name


def comparable(documents: list[Manifest]) -> dict[str, str]:
    """Kind and name -> what the object says, without its metadata and the chart's longer names."""
    out = {}
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"].removesuffix(":rostersync-system")
        if kind in ("Namespace", "Pod") or name == "rostersync-jobs":
            continue
        said = {key: value for key, value in document.items() if key != "metadata"}
        if "rules" in said:
            said["rules"] = sorted(said["rules"], key=squeezed)
        out[f"{kind}/{name}"] = squeezed(said).replace("rostersync-operator:rostersync-system", "rostersync-operator")
    return out


def test_a_server_takes_the_base(plane: ControlPlane) -> None:
    done = plane.kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", str(ROOT / "deploy/base")
    )
    assert done.returncode == 0, done.stderr


def test_the_example_overlay_changes_the_image_wherever_it_stands(plane: ControlPlane) -> None:
    documents = kustomize(plane, "overlay-example")
    image = container(documents)["image"]
    assert image.startswith("registry.springfield.example/rostersync:")
    assert f"--image={image}" in container(documents)["args"]
    fence = by_kind(documents, "ValidatingAdmissionPolicy")["/operator-jobs.rostersync.dev"]["spec"]
    assert {"name": "images", "expression": f'["{image}"]'} in fence["variables"]


def test_installing_upgrading_and_uninstalling(tmp_path: Path) -> None:
    """On a server of its own, which says itself what it can: the policies come, stay in place, and go; the CRDs stay."""
    with ControlPlane(tmp_path) as server:

        def release(verb: str, *arguments: str) -> None:
            done = helm(verb, "mine", *arguments, "-n", "ops", "--kubeconfig", str(server.kubeconfig))
            assert done.returncode == 0, done.stderr

        def uids(kind: str) -> dict[str, str]:
            found = json.loads(server.kubectl("get", kind, "-o", "json", check=True).stdout)["items"]
            return {
                item["metadata"]["name"]: f"{item['metadata']['uid']}/{item['metadata']['generation']}"
                for item in found
            }

        release("install", str(CHART), "--create-namespace")
        stamping, checking = uids("mutatingadmissionpolicies"), uids("validatingadmissionpolicies")
        assert (stamping.keys(), checking.keys()) == (set(policies.mutating()), set(policies.validating()))
        release("upgrade", str(CHART), "--set", "replicas=2", "--set", "watch.namespaces={default}")
        # an upgrade that changes no policy supersedes no pending approval
        assert (uids("mutatingadmissionpolicies"), uids("validatingadmissionpolicies")) == (stamping, checking)
        release("uninstall")
        assert uids("validatingadmissionpolicies") == {}
        assert uids("customresourcedefinitions").keys() == {f"{plural}.rostersync.dev" for plural in plurals()}
        release("install", str(CHART))

"""Policies on Jobs and pods: what the operator may start, and that nobody else can pose as the operator.

Whoever may create Jobs can read every Secret and use every service account of a namespace. For the operator, the fence
limits that to rostersync's own image doing rostersync's own work. It cannot know which Secrets a connection names.
"""

from rostersync.api.kinds import RUN, connections
from rostersync.api.policies_parts import (
    CONTROLLER_MANAGER,
    JOB_CONTROLLER,
    RUN_LABEL,
    USER,
    Manifest,
    Settings,
    cel_list,
    must,
    named,
    rule,
    validating,
    when,
)
from rostersync.api.v1alpha1 import GROUP
from rostersync.attempts import ATTEMPTS

MOUNTS = ("/var/run/rostersync/", "/var/lib/rostersync/", "/scratch/", "/tmp/")  # noqa: S108  (paths in the Job's container)
"""Where a Job's container may have mounts. Elsewhere, a mount could replace the program."""


def validating_policies(settings: Settings) -> list[Manifest]:
    """The fence around the operator's Jobs, and the policies against forged Jobs and pods."""
    return [*_fence(settings), *_pretenders(settings), *_adopted()]


def _fence(settings: Settings) -> list[Manifest]:
    owners = [RUN.name, *(kind.name for kind in connections())]
    ownerless = [attempt.name for attempt in ATTEMPTS.values() if not attempt.awaited]
    by_itself = [f"variables.container.?args[?1].orValue('') == '{name}'" for name in ownerless]

    def of_job(expression: str, message: str) -> dict[str, str]:
        return must(f"variables.goes ||\n({expression})", f"the operator's Jobs are fenced: {message}")

    def as_allowed(expression: str, message: str) -> dict[str, str]:
        # After an upgrade that allows other images, an older Job can still be ended.
        return of_job(f"variables.same ||\n({expression})", message)

    return validating(
        f"operator-jobs.{GROUP}",
        [rule(["CREATE", "UPDATE", "DELETE"], ["jobs"], "batch", "v1")],
        [
            must(
                f"variables.job.metadata.?labels[?'{RUN_LABEL}'].hasValue()",
                f"the operator's Jobs are fenced: it may touch only Jobs with the label {RUN_LABEL}",
            ),
            of_job(
                f"object.spec.template.metadata.?labels[?'{RUN_LABEL}'] == object.metadata.?labels[?'{RUN_LABEL}']",
                f"pods have the same label {RUN_LABEL} as their Job",
            ),
            of_job(
                "size(variables.owners) == 0\n"
                f"? {' || '.join(by_itself)}\n"
                f": size(variables.owners) == 1 && variables.owners[0].apiVersion.startsWith('{GROUP}/') &&\n"
                f"  variables.owners[0].kind in [{', '.join(map(repr, owners))}] &&\n"
                f"  variables.owners[0].uid == object.metadata.labels['{RUN_LABEL}']",
                f"the owner is the {' or '.join(owners)} of the label {RUN_LABEL}; only {' or '.join(ownerless)} has none",
            ),
            of_job(
                "size(variables.pod.containers) == 1 && !has(variables.pod.initContainers)",
                "one container, and none before it",
            ),
            as_allowed(
                "variables.images.exists(i, variables.container.image.startsWith(i))",
                "the image is not one of those allowed (jobs.images in the chart)",
            ),
            of_job(
                "variables.container.?command.orValue([]) == ['rostersync'] &&\n"
                "variables.container.?args[?0].orValue('') == 'job'",
                "the command is `rostersync job`",
            ),
            of_job(
                "!has(variables.container.lifecycle) && !has(variables.container.livenessProbe) &&\n"
                "!has(variables.container.readinessProbe) && !has(variables.container.startupProbe)",
                "no lifecycle hook and no probe, which could run another command",
            ),
            of_job(
                "!has(variables.container.envFrom) && variables.container.?env.orValue([]).all(e,\n"
                "!has(e.valueFrom) && !e.name.startsWith('PYTHON') && !e.name.startsWith('LD_'))",
                "no Secret in the environment, and nothing there that changes how the program is loaded",
            ),
            as_allowed(
                f"variables.pod.?serviceAccountName.orValue('default') in {settings.accounts} &&\n"
                "variables.pod.?automountServiceAccountToken.orValue(true) == false",
                "the service account is one of those allowed (jobs.serviceAccounts in the chart), without a token",
            ),
            of_job(
                "variables.volumes.all(v, has(v.emptyDir) || has(v.downwardAPI) || has(v.secret) || has(v.configMap) ||\n"
                "has(v.persistentVolumeClaim))",
                "volumes are emptyDir, downwardAPI, secret, configMap or persistentVolumeClaim",
            ),
            as_allowed(
                "variables.volumes.all(v, !has(v.persistentVolumeClaim) ||\n"
                f"{settings.claims}.exists(c, v.persistentVolumeClaim.claimName.startsWith(c)))",
                "the claim's name does not begin as allowed (jobs.claims in the chart; add there what existingClaim names)",
            ),
            of_job(
                "variables.container.?volumeMounts.orValue([]).all(m,\n"
                f"{cel_list(MOUNTS)}.exists(p, (m.mountPath + '/').startsWith(p)) && !m.mountPath.contains('..')) &&\n"
                "!has(variables.container.volumeDevices)",
                f"mounts lie under {', '.join(MOUNTS)}",
            ),
            of_job(
                "!variables.pod.?hostNetwork.orValue(false) && !variables.pod.?hostPID.orValue(false) &&\n"
                "!variables.pod.?hostIPC.orValue(false) &&\n"
                "variables.pod.?securityContext.?runAsNonRoot.orValue(false) &&\n"
                "variables.pod.?securityContext.?seccompProfile.?type.orValue('') == 'RuntimeDefault' &&\n"
                "variables.pod.?securityContext.?runAsUser.orValue(1) != 0 &&\n"
                "variables.container.?securityContext.?runAsUser.orValue(1) != 0 &&\n"
                "variables.container.?securityContext.?runAsNonRoot.orValue(true) &&\n"
                "!variables.container.?securityContext.?privileged.orValue(false) &&\n"
                "!variables.container.?securityContext.?allowPrivilegeEscalation.orValue(true) &&\n"
                "variables.container.?securityContext.?readOnlyRootFilesystem.orValue(false) &&\n"
                "variables.container.?securityContext.?seccompProfile.?type.orValue('RuntimeDefault') == 'RuntimeDefault' &&\n"
                "variables.container.?securityContext.?capabilities.?drop.orValue([]) == ['ALL'] &&\n"
                "!variables.container.?securityContext.?capabilities.?add.hasValue()",
                "pods are restricted: not root, nothing of the host, RuntimeDefault seccomp, read-only root, no capability",
            ),
        ],
        when("by-the-operator", f"{USER} in {settings.operators}"),
        named(
            goes="request.operation == 'DELETE'",
            same="request.operation == 'UPDATE' && object.spec.template == oldObject.spec.template",
            job="request.operation == 'DELETE' ? oldObject : object",
            images=settings.images,
            pod="object.spec.template.spec",
            container="variables.pod.containers[0]",
            volumes="variables.pod.?volumes.orValue([])",
            owners="object.metadata.?ownerReferences.orValue([])",
        ),
    )


def _maps(of: str) -> list[str]:
    """The labels and annotations of a Job or pod, and of a Job's pod template, as maps. Pods have no template."""
    # dyn: the API server checks the expression's types against both Job and Pod
    return [
        f"dyn({of}).{at}metadata.?{which}.orValue({{}})"
        for at in ("", "?spec.?template.?")
        for which in ("labels", "annotations")
    ]


def _marked(of: str) -> str:
    """CEL for whether the operator would take it for one of its own."""
    return " || ".join(f"'{RUN_LABEL}' in {labels}" for labels in _maps(of)[::2])


def _owned(of: str, and_also: str = "true") -> str:
    """CEL for whether an object of ours owns it, by which the operator recognizes its own Jobs."""
    owners = f"{of}.metadata.?ownerReferences.orValue([])"
    return f"{owners}.exists(o, o.apiVersion.startsWith('{GROUP}/') && {and_also})"


def _pretenders(settings: Settings) -> list[Manifest]:
    changed = [
        f"({new}.exists(k, k.startsWith('{GROUP}/') && {new}[?k] != {old}[?k]) ||\n"
        f" {old}.exists(k, k.startsWith('{GROUP}/') && !(k in {new})))"
        for new, old in zip(_maps("object"), _maps("oldObject"), strict=True)
    ]
    # the garbage collector removes owners and may change how they block, so only new owners count
    changed.append(_owned("object", "!oldObject.metadata.?ownerReferences.orValue([]).exists(p, p.uid == o.uid)"))
    return validating(
        f"jobs-and-pods.{GROUP}",
        [
            rule(["CREATE", "UPDATE"], ["jobs"], "batch", "v1"),
            rule(["CREATE", "UPDATE"], ["pods"], "", "v1"),
        ],
        [
            must(
                "!variables.changes || request.resource.resource == 'pods' ||\n" + f"{USER} in {settings.operators}",
                f"'a Job with the label {RUN_LABEL} or an owner of {GROUP} is the rostersync operator\\'s to make; you (' + "
                f"{USER} + ') may not make one, nor change what begins with {GROUP}/ on one'",
                computed=True,
            ),
            # the controller manager may use one name for all its controllers; a ReplicaSet's pod is not ours
            must(
                "!variables.changes || request.resource.resource == 'jobs' || (request.operation == 'CREATE' &&\n"
                f"{USER} in {cel_list([JOB_CONTROLLER, CONTROLLER_MANAGER])} &&\n"
                "object.metadata.?ownerReferences.orValue([]).exists(o, o.apiVersion == 'batch/v1' && o.kind == 'Job'))",
                f"'a pod with the label {RUN_LABEL} or an owner of {GROUP} is made by the Job controller only; you (' + "
                f"{USER} + ') may not make one, nor change what begins with {GROUP}/ on one'",
                computed=True,
            ),
        ],
        [
            {
                "name": "marked",
                "expression": f"{_marked('object')} || {_owned('object')} ||\n"
                f"(request.operation == 'UPDATE' && ({_marked('oldObject')}))",
            }
        ],
        named(changes="request.operation == 'CREATE' ||\n" + " ||\n".join(changed)),
    )


def _adopted() -> list[Manifest]:
    """CEL for this label: the Job controller adopts every pod with a Job's UID in it, whoever created the pod."""
    mark = "object.metadata.?labels[?'batch.kubernetes.io/controller-uid']"
    return validating(
        f"pods-of-jobs.{GROUP}",
        [rule(["CREATE", "UPDATE"], ["pods"], "", "v1")],
        [
            must(
                "params == null || variables.job != string(params.metadata.uid)",
                f"'a pod of Job ' + params.metadata.name + ' is made by the Job controller only; you (' + {USER} + ') may not '"
                " + 'give a pod the label batch.kubernetes.io/controller-uid of that Job'",
                computed=True,
            )
        ],
        [
            {
                "name": "labelled-by-another",
                "expression": f"!({USER} in {cel_list([JOB_CONTROLLER, CONTROLLER_MANAGER])}) && {mark}.hasValue() &&\n"
                f"(request.operation == 'CREATE' || {mark} != oldO{mark[1:]})",
            }
        ],
        named(job=f"{mark}.orValue('')"),
        params={
            "apiVersion": "batch/v1",
            "kind": "Job",
            "selector": {"matchExpressions": [{"key": RUN_LABEL, "operator": "Exists"}]},
        },
    )

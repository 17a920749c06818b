"""How the Jobs of a connection run."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from rostersync.api.v1alpha1.meta import Int, LocalRef, Model, ObjectName, cel, validations
from rostersync.api.v1alpha1.storage import Quantity

_RESERVED = ("rostersync.dev/", "batch.kubernetes.io/")
LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=317)]
LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
ResourceName = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Resources(Model):
    """Requests and limits of a Job's container. The engine sizes itself by the memory limit."""

    requests: dict[ResourceName, Quantity] = Field(
        default={}, max_length=8, description="What is reserved, by resource: cpu, memory, ephemeral-storage."
    )
    limits: dict[ResourceName, Quantity] = Field(
        default={}, max_length=8, description="The most that may be used, by resource."
    )


class Toleration(Model):
    """A taint that the Jobs' pods tolerate, as in a pod."""

    key: LabelKey | None = Field(default=None, description="Key of the taint. Absent: all keys.")
    operator: Literal["Equal", "Exists"] = Field(default="Equal", description="How value is compared.")
    value: LabelValue | None = Field(default=None, description="Value of the taint.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint. Absent: all effects."
    )
    tolerationSeconds: Int | None = Field(default=None, description="How long NoExecute is tolerated.")


class ImagePullSecret(LocalRef):
    """A Secret for pulling the Jobs' image."""


class JobTemplate(Model):
    """How and where the Jobs of this connection run."""

    model_config = validations(
        cel(
            "!has(self.labels) || self.labels.all(k, !k.startsWith('rostersync.dev/') && "
            "!k.startsWith('batch.kubernetes.io/'))",
            "labels must not begin with rostersync.dev/ or batch.kubernetes.io/",
            ".labels",
        ),
    )

    resources: Resources = Field(default=Resources(), description="Requests and limits. Absent: the chart's.")
    nodeSelector: dict[LabelKey, LabelValue] = Field(
        default={}, max_length=32, description="Labels that a node must have."
    )
    tolerations: tuple[Toleration, ...] = Field(default=(), max_length=32, description="Taints that are tolerated.")
    serviceAccountName: ObjectName | None = Field(
        default=None, description="Service account of the pods, from the chart's list. Absent: the chart's own."
    )
    imagePullSecrets: tuple[ImagePullSecret, ...] = Field(
        default=(), max_length=8, description="Secrets for pulling the image."
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default={}, max_length=32, description="Labels of Jobs and pods, such as a queue's name."
    )

    @field_validator("labels")
    @classmethod
    def _not_ours(cls, labels: dict[str, str]) -> dict[str, str]:
        if any(key.startswith(_RESERVED) for key in labels):
            raise ValueError(
                "must not begin with rostersync.dev/ or batch.kubernetes.io/; these mark rostersync's own Jobs"
            )
        return labels

"""Where the roster and the plans are kept."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from rostersync.api.v1alpha1.meta import NO_PASSWORD, Bool, Model, ObjectName, SecretRef, cel, validations

QUANTITY = r"^[0-9]+(\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    BeforeValidator(_number_as_text),
    StringConstraints(min_length=1, max_length=32, pattern=QUANTITY),
    Field(json_schema_extra={"x-kubernetes-int-or-string": True}),
]


class VolumeClaim(Model):
    """The claim that rostersync creates. It never deletes it."""

    size: Quantity = Field(description="Requested size, such as 10Gi.")
    storageClassName: ObjectName | None = Field(
        default=None, description="Storage class; block storage is best. Absent: the cluster's default class."
    )
    accessMode: Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"] = Field(
        default="ReadWriteOnce",
        description="How the volume may be mounted; ReadWriteOncePod where the storage offers it.",
    )


def _given(model: Model) -> str | None:
    """The first field that has a value, of a model in which one field at most excludes all others."""
    return next((name for name in type(model).model_fields if getattr(model, name) is not None), None)


class EmbeddedStore(Model):
    """The roster in one file on a volume."""

    model_config = validations(
        cel("!has(self.volumeClaim) || !has(self.existingClaim)", "give volumeClaim or existingClaim, not both"),
    )

    volumeClaim: VolumeClaim | None = Field(default=None, description="The claim to create. Absent: 10Gi.")
    existingClaim: ObjectName | None = Field(
        default=None, description="An existing claim with the label rostersync.dev/district."
    )

    @model_validator(mode="after")
    def _one(self) -> "EmbeddedStore":
        if self.volumeClaim is not None and self.existingClaim is not None:
            raise ValueError("has both volumeClaim and existingClaim; keep one of them")
        return self


class PostgresStore(Model):
    """The roster in a PostgreSQL database, 15 or later, one for all districts if you like.

    Both Secrets have the key uri, or host, database, user and password, and optionally port, sslmode (default verify-full),
    ca.crt and schema (default rostersync). The writer's also has reader, the role to grant SELECT and to record what was delivered.
    """

    readerSecretRef: SecretRef = Field(description="Secret of the role that plans and delivers, which may only read.")
    writerSecretRef: SecretRef = Field(description="Secret of the role that applies.")


class Store(Model):
    """Where the accepted roster is kept."""

    model_config = validations(
        cel("!has(self.embedded) || !has(self.postgres)", "give embedded or postgres, not both"),
    )

    embedded: EmbeddedStore | None = Field(default=None, description="A file on a volume. The default.")
    postgres: PostgresStore | None = Field(default=None, description="A PostgreSQL database.")

    @model_validator(mode="after")
    def _one(self) -> "Store":
        if self.embedded is not None and self.postgres is not None:
            raise ValueError("has both embedded and postgres; keep one of them")
        return self

    @property
    def asked(self) -> str | None:
        """The field of the kind that is asked for; None leaves it to the default."""
        return _given(self)


class ObjectStorage(Model):
    """A folder of a bucket of S3 or of a service that speaks its protocol."""

    model_config = validations(
        cel(
            "!has(self.endpoint) || self.endpoint.startsWith('https://') || (has(self.insecureHTTP) && self.insecureHTTP)",
            "endpoint must begin with https://, unless insecureHTTP is true",
        ),
    )

    url: Annotated[str, StringConstraints(min_length=6, max_length=1024, pattern=r"^s3://[^/@\s]+(/\S*)?$")] = Field(
        description="Bucket and path, such as s3://rosters/springfield.",
        json_schema_extra={"x-kubernetes-validations": [NO_PASSWORD]},
    )
    endpoint: (
        Annotated[str, StringConstraints(min_length=8, max_length=1024, pattern=r"^https?://[^/@\s]+/?$")] | None
    ) = Field(
        default=None,
        description="URL of the service, such as https://minio.example.org. Absent: AWS S3.",
        json_schema_extra={"x-kubernetes-validations": [NO_PASSWORD]},
    )
    region: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$")] | None = Field(
        default=None, description="Region of the bucket. Absent: us-east-1."
    )
    secretRef: SecretRef = Field(
        description="Secret with the keys accessKeyID and secretAccessKey, and ca.crt if the endpoint has an authority of its own."
    )
    insecureHTTP: Bool = Field(default=False, description="Allow an endpoint without TLS. For trials only.")

    @model_validator(mode="after")
    def _over_tls(self) -> "ObjectStorage":
        if self.endpoint is not None and not self.endpoint.startswith("https://") and not self.insecureHTTP:
            raise ValueError("has an endpoint that does not begin with https://; use https, or set insecureHTTP: true")
        return self


class Artifacts(Model):
    """Where plans, with the records that change, are kept until history removes them."""

    model_config = validations(
        cel(
            "[has(self.volumeClaim), has(self.existingClaim), has(self.objectStorage)].filter(x, x).size() <= 1",
            "give only one of volumeClaim, existingClaim and objectStorage",
        ),
    )

    volumeClaim: VolumeClaim | None = Field(default=None, description="The claim to create. Absent: 20Gi.")
    existingClaim: ObjectName | None = Field(
        default=None,
        description="An existing claim with the labels rostersync.dev/district and rostersync.dev/connection.",
    )
    objectStorage: ObjectStorage | None = Field(
        default=None,
        description="A bucket, for Jobs of a cluster. The command line keeps artifacts in its state folder.",
    )
    encryptionKeySecretRef: SecretRef | None = Field(
        default=None, description="Secret with the age key that encrypts artifacts. Absent: they are not encrypted."
    )

    @model_validator(mode="after")
    def _one(self) -> "Artifacts":
        if sum(part is not None for part in (self.volumeClaim, self.existingClaim, self.objectStorage)) > 1:
            raise ValueError("has several of volumeClaim, existingClaim and objectStorage; keep one of them")
        return self

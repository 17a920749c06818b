"""Where the roster and the plans are kept, and where an applied roster is delivered."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from rostersync.api.v1alpha1.meta import NO_PASSWORD, Bool, Int, Model, ObjectName, SecretRef, cel, validations

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


def _given(model: Model, but: tuple[str, ...] = ()) -> str | None:
    """The first field that has a value, of a model in which one field at most excludes all others."""
    return next(
        (name for name in type(model).model_fields if name not in but and getattr(model, name) is not None), None
    )


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
    """The roster in a PostgreSQL database. Not yet supported."""

    readerSecretRef: SecretRef = Field(description="Secret of the role that plans, which may only read.")
    writerSecretRef: SecretRef = Field(description="Secret of the role that applies.")


class Store(Model):
    """Where the accepted roster is kept."""

    model_config = validations(
        cel("!has(self.embedded) || !has(self.postgres)", "give embedded or postgres, not both"),
    )

    embedded: EmbeddedStore | None = Field(default=None, description="A file on a volume. The default.")
    postgres: PostgresStore | None = Field(default=None, description="A PostgreSQL database. Not yet supported.")

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
    """Plans in an S3-compatible bucket. Not yet supported."""

    url: Annotated[str, StringConstraints(min_length=6, max_length=1024, pattern=r"^s3://[^/@\s]+(/\S*)?$")] = Field(
        description="Bucket and path, such as s3://rosters/springfield.",
        json_schema_extra={"x-kubernetes-validations": [NO_PASSWORD]},
    )
    secretRef: SecretRef = Field(description="Secret with the access key.")


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
    objectStorage: ObjectStorage | None = Field(default=None, description="A bucket. Not yet supported.")
    encryptionKeySecretRef: SecretRef | None = Field(
        default=None, description="Secret with the age key that encrypts artifacts. Absent: they are not encrypted."
    )

    @model_validator(mode="after")
    def _one(self) -> "Artifacts":
        if sum(part is not None for part in (self.volumeClaim, self.existingClaim, self.objectStorage)) > 1:
            raise ValueError("has several of volumeClaim, existingClaim and objectStorage; keep one of them")
        return self


class OneRosterCSV(Model):
    """A OneRoster CSV bundle."""

    mode: Literal["Bulk", "Delta"] = Field(
        default="Bulk", description="Bulk: the whole newest roster. Delta: the changes of every revision."
    )
    version: Literal["1.1"] = Field(default="1.1", description='Version of the bundle, in quotes: "1.1".')
    zip: Bool = Field(default=True, description="Write one zip file. If false: a folder of files, which is not atomic.")


class SFTP(Model):
    """A folder of an SFTP server."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$")] = Field(
        description="Name or address of the server."
    )
    port: Int = Field(default=22, ge=1, le=65535, description="Port of the server.")
    path: Annotated[str, StringConstraints(min_length=1, max_length=1024)] = Field(
        default="/", description="Folder that is written to."
    )
    tempDirectory: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = Field(
        default=None, description="Folder for unfinished files. Absent: path, under names that begin with a dot."
    )
    secretRef: SecretRef = Field(description="Secret with the user and its password or key.")
    hostKey: Annotated[str, StringConstraints(min_length=16, max_length=2048)] = Field(
        description="Public key of the server, as ssh-keyscan prints it. Any other key is refused."
    )


class Delivery(Model):
    """A delivery of every applied revision. Not yet supported."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] = (
        Field(description="Name of the delivery within the connection.")
    )
    oneRosterCSV: OneRosterCSV = Field(description="What is delivered.")
    sftp: SFTP = Field(description="Where it is delivered to.")

    @property
    def place(self) -> str:
        """The field that says where, which is what kinds of deliveries differ in."""
        return _given(self, but=("name", "oneRosterCSV")) or ""

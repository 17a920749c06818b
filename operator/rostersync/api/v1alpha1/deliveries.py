"""What is delivered of an applied roster, and where to."""

import posixpath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from rostersync.api.v1alpha1.meta import Bool, Int, Model, ObjectName, SecretRef, SourcedID, cel, validations
from rostersync.api.v1alpha1.storage import ObjectStorage
from rostersync.api.v1alpha1.times import Duration
from rostersync.model import Entity

FORMATS = ("oneRosterCSV", "basicRoster")
PLACES = ("sftp", "directory", "objectStorage")


class OneRosterCSV(Model):
    """A OneRoster CSV bundle."""

    mode: Literal["Bulk", "Delta"] = Field(
        default="Bulk", description="Bulk: the whole newest roster. Delta: the changes of every revision."
    )
    version: Literal["1.1", "1.2"] = Field(default="1.1", description='Version of the bundle, in quotes: "1.1".')
    zip: Bool = Field(default=True, description="Write one zip file. If false: a folder of files, which is not atomic.")
    entities: Annotated[tuple[Entity, ...], Field(max_length=len(Entity), min_length=1)] | None = Field(
        default=None,
        description="Entities that are delivered. Absent: all that are imported.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    schools: Annotated[tuple[SourcedID, ...], Field(max_length=1000, min_length=1)] | None = Field(
        default=None,
        description="Schools that are delivered, by their IDs in the roster. Absent: all.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class BasicRoster(Model):
    """School Passport's Basic Roster: schools, students, teachers, sections, enrollments and staff; active data only."""

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
    secretRef: SecretRef = Field(
        description="Secret with the keys user, and password or privateKey (passphrase if the key has one). With both, "
        "privateKey is tried first, and password where the server refuses the key or asks for both."
    )
    hostKey: Annotated[str, StringConstraints(min_length=16, max_length=8192)] = Field(
        description="Public keys of the server, one a line, as ssh-keyscan prints them. Any other key is refused."
    )


def _below(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError("must be a folder within the volume; write it without a leading / and without ..")
    return path


class Directory(Model):
    """A folder of a volume."""

    existingClaim: ObjectName = Field(
        description="The claim of the volume, which has the label rostersync.dev/district."
    )
    path: Annotated[
        str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^/\\\n]([^\\\n]*)$"), AfterValidator(_below)
    ] = Field(
        default=".",
        description="Folder that is written to, within the volume.",
        json_schema_extra={
            "x-kubernetes-validations": [cel("!self.split('/').exists(part, part == '..')", "must not contain ..")]
        },
    )


def _one_of(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"has(self.{name})" for name in names) + "].filter(x, x).size() == 1"


class Delivery(Model):
    """A delivery of every applied revision."""

    model_config = validations(
        cel(_one_of(FORMATS), f"say what is delivered, with one of {', '.join(FORMATS)}"),
        cel(_one_of(PLACES), f"say where it is delivered to, with one of {', '.join(PLACES)}"),
        cel(
            "!has(self.oneRosterCSV) || has(self.objectStorage) || !has(self.oneRosterCSV.mode) || "
            "self.oneRosterCSV.mode != 'Delta' || !has(self.oneRosterCSV.zip) || self.oneRosterCSV.zip",
            "mode Delta needs zip: without it, the files of a change would replace those of the one before",
        ),
    )

    name: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] = (
        Field(description="Name of the delivery within the connection.")
    )
    oneRosterCSV: OneRosterCSV | None = Field(default=None, description="Deliver a OneRoster CSV bundle.")
    basicRoster: BasicRoster | None = Field(default=None, description="Deliver School Passport's Basic Roster.")
    sftp: SFTP | None = Field(default=None, description="Deliver to an SFTP server.")
    directory: Directory | None = Field(default=None, description="Deliver to a folder of a volume.")
    objectStorage: ObjectStorage | None = Field(default=None, description="Deliver to a bucket.")
    retryFor: Duration = Field(
        default="24h", description="How long a delivery that fails is retried before the run ends as DeliveryFailed."
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> "Delivery":
        for names, what in ((FORMATS, "what is delivered"), (PLACES, "where it is delivered to")):
            there = [name for name in names if getattr(self, name) is not None]
            if len(there) != 1:
                found = " and ".join(there) if there else f"none of {', '.join(names)}"
                raise ValueError(f"must say {what} once, but has {found}; keep one")
        csv = self.oneRosterCSV
        if csv is not None and csv.mode == "Delta" and not csv.zip and self.objectStorage is None:
            raise ValueError(
                "has mode Delta and zip: false: the files of a change would replace those of the one before, which nobody "
                "may have read; leave zip out"
            )
        return self

    @property
    def format(self) -> str:
        """The field that says what is delivered."""
        return next(name for name in FORMATS if getattr(self, name) is not None)

    @property
    def place(self) -> str:
        """The field that says where it is delivered to."""
        return next(name for name in PLACES if getattr(self, name) is not None)

    @property
    def folder(self) -> tuple[str, ...]:
        """What tells its folder apart from others, however it is written."""
        if self.sftp is not None:
            return ("sftp", self.sftp.host.lower(), str(self.sftp.port), _plain(self.sftp.path))
        if self.directory is not None:
            return ("directory", self.directory.existingClaim, _plain(self.directory.path))
        if self.objectStorage is not None:
            storage = self.objectStorage
            return ("objectStorage", (storage.endpoint or "").lower().rstrip("/"), storage.url.rstrip("/"))
        return ()


def _plain(path: str) -> str:
    return posixpath.normpath(path).replace("//", "/")

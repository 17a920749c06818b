"""The parts of a connection that shape data, normalised, for the digest and the hold ConfigChanged. Pure.

Thresholds and approval are left out, because they judge a plan but do not shape it. So are schedule, windows, history
and Jobs.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.api.v1alpha1.defaults import entities

OF_DISTRICT = ("domainsOfUniqueness", "masterFields")


def effective_config(spec: ConnectionSpec) -> dict[str, Any]:
    """A JSON object that is equal for connections that make equal plans from equal data."""
    full = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    mapping = full["schoolsMapping"]
    read = {"deliveryConfig": shapes} if (shapes := spec.deliveryConfig.shapes) else {}
    return read | {
        "sisIDPrefix": spec.sisIDPrefix,
        "entities": [e.value for e in entities(spec)],
        "timeZone": spec.timeZone,
        "bulkUploadMode": spec.bulkUploadMode,
        "multipleDataSources": spec.multipleDataSources,
        "schoolsMapping": {
            "mode": mapping["mode"],
            "schools": sorted(mapping["schools"], key=lambda s: s["sourcedId"]),
            "exclude": sorted(mapping["exclude"]),
        },
        "attributesMapping": sorted(full["attributesMapping"], key=lambda m: (m["entity"], m["attribute"])),
        "dataRequirements": full["dataRequirements"],
        "filterRules": _in_any_order(full["filterRules"]),
        "domainsOfUniqueness": _in_any_order(full["domainsOfUniqueness"]),
        "masterFields": full["masterFields"],
    }


def district_settings(spec: ConnectionSpec) -> dict[str, Any]:
    """What a connection says about the sources of its district, which all connections of a district must agree on."""
    config = effective_config(spec)
    return {name: config[name] for name in OF_DISTRICT}


def differing_fields(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields, such as `spec.masterFields`, in which two connections say something else of their district's sources."""
    return tuple(f"spec.{name}" for name in OF_DISTRICT if mine[name] != theirs.get(name))


def config_hash(config: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(config)).hexdigest()


def _in_any_order(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(parts, key=lambda p: json.dumps(p, sort_keys=True))

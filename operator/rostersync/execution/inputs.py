"""What an attempt is given: a connection, and the Secrets and ConfigMaps that it names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.registry import place_of
from rostersync.errors import InvalidManifest
from rostersync.execution.homes import home_of
from rostersync.sources.profile import Login, in_words, variables
from rostersync.sources.registry import profile_of
from rostersync.stores.kind import CREATE_IT
from rostersync.stores.registry import DEFAULT, STORES, placement_of

ENV_ARTIFACT_KEY = "ROSTERSYNC_ARTIFACT_KEY"
ARTIFACT_KEY = "key"  # in the Secret
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,64}")  # what Kubernetes takes as a key

Data = Mapping[str, Mapping[str, str]]  # name -> key -> text


@dataclass(frozen=True)
class Inputs:
    """A connection with what it refers to. Secrets are never printed."""

    connection: Connection
    secrets: Data = field(default_factory=dict, repr=False)
    config_maps: Data = field(default_factory=dict, repr=False)
    secret_files: Mapping[str, str] = field(default_factory=dict)  # of a local run: NAMESPACE/NAME or NAME -> file
    remedy: str = CREATE_IT  # what to do about a Secret that is missing, as messages say it


def credentials(inputs: Inputs, env: Mapping[str, str]) -> Login:
    """How the client identifies itself to the source: by the connection's Secret, else by the environment."""
    profile = profile_of(inputs.connection)
    endpoint, needed = profile.endpoint(inputs.connection), profile.keys_for(inputs.connection)
    reference = endpoint.secret
    where, keys = qualified(inputs.connection, reference), in_words(needed)
    secret = inputs.secrets.get(reference)
    if secret is None:
        named = f"{where}, which deliveryConfig.credentialsSecretRef names,"
        return _of_environment(needed, named, env, inputs.secret_files)
    # a line end was added by mistake when the value was encoded
    values = {key: secret.get(key, "").strip() for key in needed}
    if empty := [key for key, value in values.items() if not value]:
        raise InvalidManifest(
            f"Secret {where} has no value for {in_words(empty)}; it needs the keys {keys}{_found(inputs, reference)}",
            reason="SecretIncomplete",
        )
    values |= {key: value for key in profile.optional if (value := secret.get(key, "").strip())}
    return Login(values, f"Secret {where}, keys {keys}")


def _of_environment(keys: tuple[str, ...], where: str, env: Mapping[str, str], read: Mapping[str, str]) -> Login:
    names = variables(keys)
    values = {key: env.get(name, "").strip() for key, name in names.items()}
    missing = [names[key] for key, value in values.items() if not value]
    if len(missing) == len(values):
        there = ", ".join(f"{name} in {file}" for name, file in read.items())
        instead = f" (Secrets that are: {there})" if there else ""
        raise InvalidManifest(
            f"Secret {where} is not among the manifests{instead}; add it "
            f"with -f (keys {in_words(keys)}), or set {in_words([*names.values()])}",
            reason="SecretNotFound",
        )
    if missing:
        others = "but its partner is; set both" if len(values) == 2 else "but others are; set them all"
        raise InvalidManifest(f"{in_words(missing)} is not set or empty, {others}", reason="SecretNotFound")
    return Login(values, in_words([*names.values()]))


def _found(inputs: Inputs, name: str) -> str:
    """Where a local run read a Secret, and which of its keys have a value. Values are never named.

    Empty for a Job: its Secret is shown by kubectl, and its messages reach the cluster.
    """
    namespace = inputs.connection.metadata.namespace
    files = inputs.secret_files
    file = files.get(f"{namespace}/{name}") or files.get(name)
    if file is None:
        return ""
    keys = [key for key, value in inputs.secrets[name].items() if value.strip()]
    shown = [key for key in keys if _KEY.fullmatch(key)]
    others = [f"{len(keys) - len(shown)} more"] if len(keys) > len(shown) else []
    return f"; in {file} it has {' and '.join(shown + others) or 'none'}"


def ca_bundle(inputs: Inputs) -> str | None:
    """PEM text of the authorities to trust. None for the system's."""
    reference = profile_of(inputs.connection).endpoint(inputs.connection).ca_bundle
    if reference is None:
        return None
    where = qualified(inputs.connection, reference.name)
    config_map = inputs.config_maps.get(reference.name)
    if config_map is None:
        raise InvalidManifest(
            f"ConfigMap {where}, which deliveryConfig.caBundleRef names, is not among the manifests; add it with -f",
            reason="ConfigMapNotFound",
        )
    text = config_map.get(reference.key)
    if text is None or "-----BEGIN CERTIFICATE-----" not in text:
        raise InvalidManifest(
            f"ConfigMap {where} has no certificates in PEM form under the key {reference.key}",
            reason="ConfigMapIncomplete",
        )
    return text


def delivery_secret(inputs: Inputs, delivery: Delivery) -> Mapping[str, str]:
    """The Secret with which a delivery logs in to its receiver. Empty if it needs none. Raises InvalidManifest."""
    place = place_of(delivery)
    name = place.secret(delivery)
    if name is None:
        return {}
    secret, where = inputs.secrets.get(name), qualified(inputs.connection, name)
    needs = f"the keys {place.needs}"
    if secret is None:
        raise InvalidManifest(
            f"Secret {where}, which delivery {delivery.name} names, is not given; {inputs.remedy}, with {needs}.",
            reason="SecretNotFound",
        )
    empty = [" or ".join(keys) for keys in place.keys if not any(secret.get(key, "").strip() for key in keys)]
    if empty:
        raise InvalidManifest(
            f"Secret {where}, which delivery {delivery.name} names, has no value for {' and '.join(empty)}; it needs {needs}.",
            reason="SecretIncomplete",
        )
    return secret


def artifacts_secret(connection: Connection, secrets: Data) -> Mapping[str, str]:
    """The Secret of the place that the artifacts are in. Empty if it takes none. Raises InvalidManifest."""
    needed = home_of(connection.spec.artifacts).secret(connection.spec.artifacts)
    if needed is None:
        return {}
    secret, where, keys = secrets.get(needed.name), qualified(connection, needed.name), " and ".join(needed.keys)
    if secret is None:
        raise InvalidManifest(
            f"Secret {where}, which {needed.field} names, is not given; create it with the keys {keys}.",
            reason="SecretNotFound",
        )
    if empty := [key for key in needed.keys if not secret.get(key, "").strip()]:
        raise InvalidManifest(
            f"Secret {where}, which {needed.field} names, has no value for {' and '.join(empty)}; it needs the keys {keys}.",
            reason="SecretIncomplete",
        )
    return secret


def store_secrets(inputs: Inputs, given: Data) -> None:
    """Refuse a connection if Secrets are not `given` that its store needs for reading and writing."""
    spec = inputs.connection.spec.store
    if (spec.asked or DEFAULT) not in STORES:
        return  # refused as not supported
    placement = placement_of(inputs.connection)
    for needed in (*placement.reader_secrets, *placement.writer_secrets):
        if needed.name not in given:
            raise InvalidManifest(
                f"Secret {qualified(inputs.connection, needed.name)}, which {needed.field} names, is not among the manifests; "
                f"add it with -f, with {needed.needs}",
                reason="SecretNotFound",
            )


def artifact_key(connection: Connection, secrets: Data, env: Mapping[str, str]) -> str | None:
    """The key that seals the connection's artifacts: from its Secret, else from the environment."""
    reference = connection.spec.artifacts.encryptionKeySecretRef
    if reference is None:
        return None
    key = (secrets.get(reference.name, {}).get(ARTIFACT_KEY) or env.get(ENV_ARTIFACT_KEY) or "").strip()
    if not key:
        raise InvalidManifest(
            f"spec.artifacts.encryptionKeySecretRef names Secret {reference.name}, whose key `{ARTIFACT_KEY}` (an age "
            f"identity, as age-keygen makes it, or a passphrase) is not given; add the Secret with -f, or set "
            f"{ENV_ARTIFACT_KEY}.",
            reason="SecretNotFound",
        )
    return key


def qualified(connection: Connection, name: str) -> str:
    """A Secret's or ConfigMap's name with the connection's namespace, for messages."""
    return f"{connection.metadata.namespace or 'default'}/{name}"

"""A Job's pod: its folders, and its mounts as the inputs of an attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from rostersync import durable
from rostersync.api.explain import problems
from rostersync.api.kinds import connection_model
from rostersync.api.packed import unpack
from rostersync.api.v1alpha1.connection import Connection
from rostersync.deliveries.registry import secrets_of
from rostersync.errors import InvalidManifest
from rostersync.execution.home import Home
from rostersync.execution.homes import home_of
from rostersync.execution.inputs import ARTIFACT_KEY, Data, Inputs, artifacts_secret, ca_bundle, credentials, qualified
from rostersync.execution.layout import Layout
from rostersync.sources.network import Network
from rostersync.sources.profile import in_words
from rostersync.sources.registry import profile_of
from rostersync.stores.registry import placement_of


@dataclass(frozen=True)
class Pod:
    """The folders of a pod under `root`, which is / outside tests, and the file for its report."""

    root: Path
    report: Path

    @property
    def layout(self) -> Layout:
        """Store and artifacts, with scratch on a volume that is deleted with the pod."""
        claims = self.root / "var/lib/rostersync"
        return Layout(claims / "artifacts", claims / "store", self.scratch, claims / "deliveries")

    @property
    def scratch(self) -> Path:
        """Where records are in the clear while an attempt works."""
        return self.root / "scratch"

    @property
    def mounted(self) -> Path:
        """Where connection, Secrets and ConfigMaps are mounted."""
        return self.root / "var/run/rostersync"

    def connection(self) -> Connection:
        """The connection that the Job was created for. Raises InvalidManifest."""
        path = self.mounted / "connection" / "connection"
        try:
            text = durable.read(path).decode("ascii")
        except (OSError, ValueError):
            raise InvalidManifest(
                f"{path} cannot be read: the pod was not given its connection. Create another run.",
                reason="ConnectionUnreadable",
            ) from None
        given = unpack(text)
        model = connection_model(given)
        try:
            return model.model_validate(given)
        except ValidationError as error:
            found = "\n  ".join(str(p) for p in problems(error, model))
        # raised outside of the except block, since the cause would print the inputs
        raise InvalidManifest(
            f"The connection that the Job was given is not a valid {model.__name__}:\n  {found}\n"
            "Operator, CRDs and image must be of one version."
        )

    def to_check(self, connection: Connection) -> Inputs:
        """The inputs to read the source. Raises InvalidManifest for what is not mounted."""
        profile = profile_of(connection)
        endpoint = profile.endpoint(connection)
        name, keys = endpoint.secret, f"the keys {in_words(profile.keys_for(connection))}"
        secrets = {name: self._secret(connection, "spec.deliveryConfig.credentialsSecretRef", name, keys)}
        config_maps: dict[str, Mapping[str, str]] = {}
        if endpoint.ca_bundle:
            name = endpoint.ca_bundle.name
            found = _read(self.mounted / "configmaps" / name, f"ConfigMap {name}")
            if not found:
                raise InvalidManifest(
                    f"ConfigMap {qualified(connection, name)}, which spec.deliveryConfig.caBundleRef names, is not "
                    f"mounted or empty; make it, with certificates in PEM form under the key {endpoint.ca_bundle.key}.",
                    reason="ConfigMapNotFound",
                )
            config_maps[name] = found
        made = Inputs(connection, secrets, config_maps)
        credentials(made, {})  # report what is incomplete before anything is read
        ca_bundle(made)
        return made

    def to_plan(self, connection: Connection) -> Inputs:
        """The inputs to read source and store and to keep the plan. Raises InvalidManifest as above."""
        source, others = self.to_check(connection), self.to_plan_again(connection)
        return Inputs(connection, {**source.secrets, **others.secrets}, source.config_maps)

    def to_plan_again(self, connection: Connection) -> Inputs:
        """The same without the source."""
        return Inputs(connection, {**self._store(connection, writes=False), **self._key(connection)})

    def to_apply(self, connection: Connection) -> Inputs:
        """The inputs to open the plan and to write the store."""
        return Inputs(connection, {**self._store(connection, writes=True), **self._key(connection)})

    def _store(self, connection: Connection, *, writes: bool) -> Data:
        needed = placement_of(connection).secrets(writes=writes)
        return {s.name: self._secret(connection, s.field, s.name, s.needs) for s in needed}

    def to_deliver(self, connection: Connection) -> Inputs:
        """The inputs to deliver. A delivery without its Secret fails when its turn comes."""
        return Inputs(connection, {**self._store(connection, writes=False), **self.delivery_secrets(connection)})

    def delivery_secrets(self, connection: Connection) -> Data:
        """The Secrets of its deliveries, as far as they are mounted."""
        secrets = self.mounted / "secrets"
        return {n: found for n in secrets_of(connection) if (found := _read(secrets / n, f"Secret {n}"))}

    def artifacts_secret(self, connection: Connection) -> Data:
        """The Secret of the place that the artifacts are in, if it takes one and it is mounted."""
        needed = home_of(connection.spec.artifacts).secret(connection.spec.artifacts)
        if needed is None:
            return {}
        found = _read(self.mounted / "secrets" / needed.name, f"Secret {needed.name}")
        return {needed.name: found} if found else {}

    def home(self, connection: Connection, network: Network) -> Home:
        """Where the artifacts of its runs are. Raises InvalidManifest."""
        secret = artifacts_secret(connection, self.artifacts_secret(connection))
        return home_of(connection.spec.artifacts).opens(self.layout, connection, secret, network)

    def store_secrets(self, connection: Connection) -> Data:
        """The Secrets to read its store, as far as they are mounted."""
        secrets = self.mounted / "secrets"
        names = [needed.name for needed in placement_of(connection).secrets(writes=False)]
        return {n: found for n in names if (found := _read(secrets / n, f"Secret {n}"))}

    def _key(self, connection: Connection) -> Data:
        reference = connection.spec.artifacts.encryptionKeySecretRef
        if reference is None:
            return {}
        field = "spec.artifacts.encryptionKeySecretRef"
        keys = f"the key {ARTIFACT_KEY} (an age identity, as age-keygen makes it, or a passphrase)"
        found = self._secret(connection, field, reference.name, keys)
        if not found.get(ARTIFACT_KEY, "").strip():
            raise InvalidManifest(
                f"Secret {qualified(connection, reference.name)}, which {field} names, needs {keys}.",
                reason="SecretIncomplete",
            )
        return {reference.name: found}

    def _secret(self, connection: Connection, field: str, name: str, needs: str) -> Mapping[str, str]:
        found = _read(self.mounted / "secrets" / name, f"Secret {name}")
        if not found:
            raise InvalidManifest(
                f"Secret {qualified(connection, name)}, which {field} names, is not mounted or empty; make it, with "
                f"{needs}.",
                reason="SecretNotFound",
            )
        return found


def _read(folder: Path, what: str) -> dict[str, str]:
    """The keys of a mounted Secret or ConfigMap. Empty if it is not there."""
    found: dict[str, str] = {}
    try:
        for path in folder.iterdir():
            if not path.name.startswith("..") and path.is_file():  # ..data and the like belong to the mount
                found[path.name] = durable.read_text(path)
        spoiled = any("\0" in text for text in found.values())
    except FileNotFoundError:
        return found
    except ValueError:
        spoiled = True
    if spoiled:
        raise InvalidManifest(
            f"{what} holds something other than UTF-8 text, or a NUL character.", reason="SecretIncomplete"
        )
    return found

"""The systems that a connection can read, each as a simulator and a connection to it: every profile, version and login."""

from dataclasses import dataclass
from typing import Any

from rostersync.api.kinds import KINDS
from rostersync.simulator.server import Simulator
from support.simulated import simulated

SCOPES = (
    "https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly",
    "https://purl.imsglobal.org/spec/or/v1p2/scope/roster-demographics.readonly",
)


@dataclass(frozen=True)
class SIS:
    """A kind of connection, and how its system is spoken to. `signed`: by OAuth 1.0a."""

    kind: str
    profile: str
    version: str
    prefix: str
    signed: bool = False

    @property
    def name(self) -> str:
        """For test ids."""
        return f"{self.profile}-{self.version}{'-signed' if self.signed else ''}"

    @property
    def short(self) -> str:
        """Its kind, as people type it."""
        return KINDS[self.kind].short

    @property
    def secret_name(self) -> str:
        """Its Secret."""
        return f"{self.profile}-credentials"

    def simulated(self, students: int = 60, **options: Any) -> Simulator:
        """The system, as a context manager."""
        return simulated(students, profile=self.profile, version=self.version, **options)

    def delivery_config(self, simulator: Simulator, **more: Any) -> dict[str, Any]:
        """What a person writes: what the system shows, and no more."""
        addresses: dict[str, Any] = {"serviceURL": simulator.url}
        if simulator.token_url != f"{simulator.url}/token" and not self.signed:
            addresses["authenticationURL"] = simulator.token_url
        login = {"authentication": "OAuth1"} if self.signed else {}
        return {
            **addresses,
            **login,
            "insecureHTTP": True,
            "credentialsSecretRef": {"name": self.secret_name},
            **more,
        }

    def secret(self, simulator: Simulator) -> dict[str, str]:
        """The data of its Secret."""
        client = {"clientID": simulator.client_id, "clientSecret": simulator.client_secret}
        users = {"userKey": simulator.user_key, "userSecret": simulator.user_secret}
        return client | (users if self.signed and simulator.sis.users else {})


FOCUS = SIS("FocusConnection", "focus", "1.1", "")
CAMPUS = SIS("InfiniteCampusConnection", "infinite-campus", "1.2", "ic-")
CAMPUS_11 = SIS("InfiniteCampusConnection", "infinite-campus", "1.1", "ic-")
CAMPUS_SIGNED = SIS("InfiniteCampusConnection", "infinite-campus", "1.1", "ic-", signed=True)
ILLUMINATE = SIS("IlluminateConnection", "illuminate", "1.1", "il-")
ILLUMINATE_SIGNED = SIS("IlluminateConnection", "illuminate", "1.1", "il-", signed=True)
SYSTEMS = (FOCUS, CAMPUS, CAMPUS_11, CAMPUS_SIGNED, ILLUMINATE, ILLUMINATE_SIGNED)

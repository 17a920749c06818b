"""What the client knows of a directory server, and whom it is to read. Made from a connection."""

from dataclasses import dataclass, field

from rostersync.api.v1alpha1.directory_config import ActiveDirectoryConfig

NAME = "Active Directory"
VERSION = "LDAPv3"


@dataclass(frozen=True)
class Server:
    """One directory. `ca` is PEM text, empty for the system's authorities. `login` says where bindDN and password were found."""

    url: str
    host: str
    port: int
    tls: bool
    start_tls: bool
    bind_dn: str = field(repr=False)
    password: str = field(repr=False)
    ca: str = field(repr=False)
    login: str
    secret: str
    config: ActiveDirectoryConfig
    organization: str

    @property
    def timeout(self) -> float:
        """Seconds to wait for an answer."""
        return float(self.config.timeoutSeconds)

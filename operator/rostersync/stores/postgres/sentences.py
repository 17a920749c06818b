"""What Test Connection says of logins that are as they should be. Pure."""

from rostersync.stores.postgres.login import Login


def of_reader(login: Login, server: str, version: int | None) -> str:
    """`version`: the schema's, None where there is none."""
    schema = "no schema yet: the first apply makes it" if version is None else f"schema version {version}"
    return f"{login.where} ({server}, {schema}): role {login.user} can read and cannot write."


def of_writer(login: Login, version: int, newest: int) -> str:
    """`version`: the schema's, 0 where there is none."""
    later = f", and can bring it to version {newest}" if 0 < version < newest else ""
    return f"Role {login.user} can write{later}."

"""Seals a folder with age (https://age-encryption.org), file by file, so that the age tool can open it too.

The key is an age identity (`AGE-SECRET-KEY-1…`) or a passphrase. Deriving a key from a passphrase takes a second on
purpose, so a passphrase seals one fresh identity per folder, and that identity seals the files.
"""

from pathlib import Path

import pyrage

from rostersync import durable
from rostersync.errors import Permanent

SUFFIX = ".age"
_IDENTITY = "AGE-SECRET-KEY-"
_FOLDER_KEY = (
    "folder-key" + SUFFIX
)  # the folder's identity, sealed with the passphrase; absent if the key is an identity


def is_sealed(folder: Path) -> bool:
    """Whether a folder holds sealed files."""
    return any(folder.rglob("*" + SUFFIX))


def seal(source: Path, target: Path, key: str) -> None:
    """Write every file under `source` to `target`, sealed, with `.age` after its name. `source` is not changed."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    identity = _identity(key)
    if identity is None:
        identity = pyrage.x25519.Identity.generate()
        (target / _FOLDER_KEY).write_bytes(pyrage.passphrase.encrypt(str(identity).encode(), key))
    for file in sorted(p for p in source.rglob("*") if p.is_file()):
        sealed = target / file.relative_to(source).with_name(file.name + SUFFIX)
        sealed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pyrage.encrypt_file(str(file), str(sealed), [identity.to_public()])


def unseal(source: Path, target: Path, key: str) -> None:
    """Undo `seal`. Raises Permanent (ArtifactKeyWrong) when the key does not fit."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        identity = _identity(key)
        if identity is None:
            text = pyrage.passphrase.decrypt(durable.read(source / _FOLDER_KEY), key)
            identity = pyrage.x25519.Identity.from_str(text.decode())
        for file in sorted(source.rglob("*" + SUFFIX)):
            if file.name == _FOLDER_KEY:
                continue
            opened = target / file.relative_to(source).with_name(file.name.removesuffix(SUFFIX))
            opened.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            pyrage.decrypt_file(str(file), str(opened), [identity])
            opened.chmod(0o600)
    except (pyrage.DecryptError, FileNotFoundError) as error:
        raise Permanent(
            "The artifacts of this run are sealed with another key; give the key that was in the artifacts' encryption "
            "Secret when the run was planned.",
            reason="ArtifactKeyWrong",
            detail=str(error),
        ) from None


def seal_text(text: bytes, key: str) -> bytes:
    """Seal one small text. `age -d` opens it."""
    identity = _identity(key)
    if identity is None:
        sealed: bytes = pyrage.passphrase.encrypt(text, key)
    else:
        sealed = pyrage.encrypt(text, [identity.to_public()])
    return sealed


def _identity(key: str) -> "pyrage.x25519.Identity | None":
    """The identity that the key is; None for a passphrase."""
    if not key.strip().upper().startswith(_IDENTITY):
        return None
    try:
        return pyrage.x25519.Identity.from_str(key.strip())
    except pyrage.IdentityError:
        raise Permanent(
            "The artifacts' encryption key begins like an age identity but is none; make one with age-keygen.",
            reason="ArtifactKeyWrong",
        ) from None

"""Secrets: passwords hashed with Argon2, and random texts of which only the hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from typing import TYPE_CHECKING

from .errors import InvalidValue, MissingExtra

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 10
LONGEST = 1000


def new_secret() -> str:
    """A random text of 43 letters, for a link, a cookie or a token.

    Examples
    --------
    >>> len(new_secret())
    43
    """
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is kept of a random text: its SHA-256; a password needs `hash_password`."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def checked_password(password: str, name: str) -> str:
    """A password that may be one.

    Raises
    ------
    InvalidValue
        It is too short or too long, one letter again and again, or the name.

    Examples
    --------
    >>> checked_password("anna anna anna", "anna")
    Traceback (most recent call last):
    gilgamesh_db.errors.InvalidValue: this password is the name again and again; take a few words that do not belong together
    """
    if len(password) < SHORTEST:
        raise InvalidValue(
            f"the password has {len(password)} letters; take at least {SHORTEST}, for example a few words that do not belong together"
        )
    if len(password) > LONGEST:
        raise InvalidValue(f"the password has {len(password)} letters; take at most {LONGEST}")
    if not password.casefold().replace(name.casefold(), "").strip(" 0123456789.-_"):
        raise InvalidValue("this password is the name again and again; take a few words that do not belong together")
    if len(set(password)) < 4:
        raise InvalidValue(
            "the password is a few letters again and again; take a few words that do not belong together"
        )
    return password


def hash_password(password: str) -> str:
    """The Argon2id hash of a password; takes about 50 ms, on purpose."""
    return _hasher().hash(password)


def verify_password(kept: str | None, password: str) -> bool:
    """Whether it is the password; takes as long when there is none."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept or _nobodys(), password[: LONGEST + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher().check_needs_rehash(kept)


@cache
def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise MissingExtra("argon2-cffi", "web", "hashing a password") from error
    return PasswordHasher()


@cache
def _nobodys() -> str:
    return hash_password(new_secret())

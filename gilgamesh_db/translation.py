"""From PostgreSQL's error codes to our error family.

Our SQL functions raise codes of the class GG with a message and a hint; the database's own
refusals (an exclusion, a check, rights, a full disk, a lost connection) are put into words here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import ExceptionContext

from . import errors

_OURS: dict[str, type[errors.GilgameshError]] = {
    "GG001": errors.SignalNotFound,
    "GG002": errors.ComponentNotFound,
    "GG003": errors.ShotNotFound,
    "GG004": errors.NotWired,
    "GG005": errors.NotCalibrated,
    "GG006": errors.UnitMismatch,
    "GG007": errors.OverlapError,
    "GG008": errors.InvalidValue,
    "GG009": errors.ConflictError,
    "GG010": errors.AttributeNotFound,
    "GG011": errors.SamplesNotFound,
    "GG012": errors.DamagedData,
    "GG014": errors.FormulaError,
    "GG015": errors.NotStated,
    "GG020": errors.ReferenceNotFound,
    "GG013": errors.NotInTestbed,
    "GG021": errors.PersonNotFound,
    "22023": errors.InvalidValue,  # a step of a calibration that is none
}
_THEIRS = {
    "23P01": (errors.OverlapError, "two statements would hold at the same time ({rule}): {detail}"),
    "23514": (errors.InvalidValue, "the database refuses it by the rule {rule!r}: {said}"),
    "23505": (errors.ConflictError, "it exists already: {detail}"),
    "22P02": (errors.InvalidValue, "{said}"),
    "22P05": (errors.InvalidValue, "{said}"),
    "22003": (errors.InvalidValue, "{said}"),
    "22007": (errors.InvalidValue, "{said}"),
    "22008": (errors.InvalidValue, "{said}"),
    "42501": (errors.NotPermitted, "{said}; ask the owner of the database for the role gilgamesh_operator"),
    "53100": (errors.ServerError, "the disk of the database server is full; nothing was written ({said})"),
    "55P03": (errors.ServerError, "somebody else is changing the same thing and does not finish; try again later"),
    "40P01": (errors.ServerError, "two changes got in each other's way and this one was taken back; try again"),
    "40001": (errors.ServerError, "two changes got in each other's way and this one was taken back; try again"),
}


def install(engine: sa.Engine) -> None:
    """Let every statement through this engine, and every attempt to connect, fail in our words."""
    sa.event.listen(engine, "handle_error", _handle)


def translate(error: psycopg.Error) -> errors.GilgameshError | None:
    """Put a database error into our words, or leave it (None) when it is nobody's fault but ours."""
    code, said, hint = error.sqlstate or "", error.diag.message_primary or str(error), error.diag.message_hint
    if code in _OURS:
        return _OURS[code](f"{said}. {hint}" if hint else said)
    if code == "42501" and said.startswith("only the owner"):
        return errors.NotPermitted(said)
    if code in _THEIRS:
        family, letter = _THEIRS[code]
        return family(
            letter.format(said=said, rule=error.diag.constraint_name, detail=error.diag.message_detail or said)
        )
    if not code and isinstance(error, psycopg.DataError):
        return errors.InvalidValue(said)
    if "No space left on device" in said:
        return errors.ServerError(f"the disk of the database server is full; nothing was written ({said})")
    return None


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Let what the driver raises inside fail in our words."""
    try:
        yield
    except psycopg.Error as error:
        ours = translate(error)
        if ours is None and isinstance(error, psycopg.OperationalError):
            ours = errors.ServerError(f"the connection to the database was lost ({_first_line(error)}); try again")
        if ours is None:
            raise
        raise ours from error


def shown(url: sa.URL) -> str:
    """A URL without anything secret: neither the password nor a query key that may hold one."""
    harmless = {key: value for key, value in url.query.items() if key in ("host", "port", "dbname", "user", "sslmode")}
    return url.set(query=harmless).render_as_string(hide_password=True)


def _handle(context: ExceptionContext) -> None:
    original = context.original_exception
    if (
        not isinstance(original, psycopg.Error) or context.is_pre_ping
    ):  # the pool finds out by itself, and connects anew
        return
    ours = translate(original)
    if ours is None and context.connection is None:
        ours = _no_connection(original, context)
    elif ours is None and context.is_disconnect:
        ours = errors.ServerError(
            "the connection to the database was lost; what was not committed was not written. Try again"
        )
    if ours is not None:
        raise ours from original


def _no_connection(error: psycopg.Error, context: ExceptionContext) -> errors.GilgameshError:
    where = shown(context.engine.url) if context.engine is not None else "the database"
    if isinstance(error, psycopg.OperationalError):
        return errors.ServerError(
            f"cannot reach PostgreSQL at {where}: {_first_line(error)}. Check the URL (GILGAMESH_DATABASE_URL), or leave "
            "it out to use the embedded server"
        )
    return errors.InvalidValue(f"the URL {where} cannot be used: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    text = (str(error).strip().splitlines() or ["no answer"])[0]
    return re.sub(r"(password\s*=?\s*)\S+", r"\1…", text) if "password=" in text else text

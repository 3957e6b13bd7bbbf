"""From PostgreSQL's error codes to our error family.

Our SQL functions raise codes of the class GG with a message and a hint; the database's own
refusals (an exclusion, a check, rights, a full disk, a lost connection) are put into words here.
"""

from __future__ import annotations

import re

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
    "22023": errors.InvalidValue,  # a step of a calibration that is none
}


def install(engine: sa.Engine) -> None:
    """Let every statement through this engine fail in our words."""
    sa.event.listen(engine, "handle_error", _handle)


def translate(error: psycopg.Error) -> errors.GilgameshError | None:  # noqa: PLR0911 - one line a code
    """Put a database error into our words, or leave it (None) when it is nobody's fault but ours."""
    code = error.sqlstate or ""
    said, hint, detail = error.diag.message_primary or str(error), error.diag.message_hint, error.diag.message_detail
    if code in _OURS:
        return _OURS[code](f"{said}. {hint}" if hint else said)
    if code == "23P01":
        return errors.OverlapError(
            f"two statements would hold at the same time ({error.diag.constraint_name}): {detail}"
        )
    if code == "23514":
        return errors.InvalidValue(f"the database refuses it by the rule {error.diag.constraint_name!r}: {said}")
    if code == "23505":
        return errors.ConflictError(f"it exists already: {detail or said}")
    if code in ("22P02", "22007") or (not code and isinstance(error, psycopg.DataError)):
        return errors.InvalidValue(said)
    if code == "42501":
        return errors.UserError(f"{said}; ask the owner of the database for the role gilgamesh_operator")
    if code == "53100" or re.search("No space left on device", said):
        return errors.ServerError(f"the disk of the database server is full; nothing was written ({said})")
    if code == "55P03":
        return errors.ServerError("somebody else is changing the same thing and does not finish; try again later")
    return None


def _handle(context: ExceptionContext) -> None:
    original = context.original_exception
    if not isinstance(original, psycopg.Error):
        return
    translated = translate(original)
    if translated is None and context.is_disconnect and context.connection is not None:
        translated = errors.ServerError(
            "the connection to the database was lost; what was not committed was not written. Try again"
        )
    if translated is not None:
        raise translated from original

"""What goes wrong in the database, as the HTTP answers Jupyter gives."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa
from tornado.web import HTTPError

from .compatibility import sqlstate

_ANSWERS = {
    "23505": (409, "{path} exists already"),
    "23503": (404, "no such folder for {path}"),
    "42501": (403, "the database does not let you do this with {path}: {said}"),
    "53100": (507, "the disk of the database server is full; {path} was not saved"),
    "55P03": (503, "somebody else is changing {path} and does not finish; try again later"),
    "57014": (503, "the database took too long over {path}; try again later"),
    "40P01": (503, "two changes of {path} got in each other's way; try again"),
}


@contextlib.contextmanager
def answered(path: str) -> Iterator[None]:
    """Let a refusal of the database, or its absence, reach the browser as what it is.

    Raises
    ------
    HTTPError
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        said = str(error.orig).partition("\n")[0]
        code, letter = _ANSWERS.get(sqlstate(error) or "", (500, "the database refused {path}: {said}"))
        if error.connection_invalidated or (sqlstate(error) is None and isinstance(error, sa.exc.OperationalError)):
            code, letter = 503, "the database cannot be reached ({said}); what you see in the browser is not saved"
        raise HTTPError(code, letter.format(path=path, said=said)) from error

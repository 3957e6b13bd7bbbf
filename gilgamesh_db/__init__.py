"""One PostgreSQL database that knows everything about a testbed that never stops changing.

A name and a shot number are all you need::

    import gilgamesh_db as gilgamesh

    db = gilgamesh.connect()
    current = db.signal("Langmuir_I", shot=1234)
    current.time, current.values, current.unit
    print(current.provenance)
"""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from types import ModuleType as _ModuleType

from .calibration import (
    Exponential,
    Logarithm,
    PiecewisePolynomial,
    Polynomial,
    PowerLaw,
    PowerOfTen,
    Table,
)
from .database import Database, connect
from .errors import GilgameshError
from .methods import Method, method
from .signal import Signal
from .timespan import Timespan

__version__ = _version("gilgamesh-db")

__all__ = [
    "Database",
    "Exponential",
    "GilgameshError",
    "Logarithm",
    "Method",
    "PiecewisePolynomial",
    "Polynomial",
    "PowerLaw",
    "PowerOfTen",
    "Signal",
    "Table",
    "Timespan",
    "connect",
    "method",
]


def __getattr__(name: str) -> _ModuleType:
    """Import the models when they are asked for: the ORM takes as long to import as everything else."""
    if name == "models":
        return _import_module(f"{__name__}.models")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The error family: every error is a small letter to the reader.

It says what was asked, what was found and what to type next. Each class also
is the built-in exception a plain ``except`` would look for::

    GilgameshError
    ├── UserError                      what you asked for cannot be
    │   ├── NotFound                   (LookupError)
    │   │   ├── SignalNotFound         (KeyError)
    │   │   ├── ComponentNotFound      (KeyError)   components and ports
    │   │   ├── AttributeNotFound      (KeyError)   attributes of shots
    │   │   ├── ShotNotFound           (KeyError)
    │   │   ├── ReferenceNotFound      (KeyError)   keys of the bibliography
    │   │   ├── ReleaseNotFound        (KeyError)   named states of knowledge
    │   │   ├── NotebookNotFound       (KeyError)   notebooks of the repository and their versions
    │   │   ├── PersonNotFound         (KeyError)   people who log in
    │   │   └── SamplesNotFound        no samples of the port are stored
    │   ├── Unresolved                 (LookupError) the testbed's history has a hole
    │   │   ├── NotWired               no port was connected to the signal
    │   │   ├── NotCalibrated          an item of the chain has no calibration
    │   │   └── NotStated              a property or attribute the physics needs was never said
    │   ├── InvalidValue               (ValueError)  NaN, an odd name, an empty range …
    │   │   ├── UnitMismatch           units that do not parse or do not compose
    │   │   ├── ConditionError         a condition that is not one
    │   │   ├── NotInTestbed           something was said of a thing for a time when it was not there
    │   │   └── FormulaError           a formula that is not one, or that needs itself
    │   ├── NotAnalysable              (ValueError)  samples that do not show what is looked for
    │   ├── OverlapError               (ValueError)  two facts would hold at the same time
    │   ├── NotPermitted               (PermissionError) the role may not do it
    │   ├── FileRefused                (ValueError)  truncated, empty, not this format …
    │   └── ConflictError              (ValueError)  exists already, with other content
    └── SystemFault                    the installation or the server is not as it should be
        ├── ServerError                (ConnectionError) cannot start or reach PostgreSQL
        ├── SchemaError                the database is not one of ours, or not of today
        │   ├── DatabaseEmpty
        │   ├── DatabaseForeign
        │   ├── SchemaOutOfDate        older than this software
        │   └── SoftwareOutOfDate      the database is newer than this software
        ├── DamagedData                a payload does not agree with its own description
        ├── MissingExtra               (ImportError) an optional part is not installed
        └── MissingProgram             (FileNotFoundError) a program of the system is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GilgameshError(Exception):
    """The root of all errors raised by Gilgamesh on purpose."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


class UserError(GilgameshError):
    """What was asked for cannot be; the message says what to ask instead."""


class NotFound(UserError, LookupError):
    """A name or number is unknown to the database."""


class SignalNotFound(NotFound, KeyError):
    """No signal has this name."""


class ComponentNotFound(NotFound, KeyError):
    """No component (or port) has this name."""


class AttributeNotFound(NotFound, KeyError):
    """No attribute of shots has this name."""


class ShotNotFound(NotFound, KeyError):
    """No shot has this number."""


class ReleaseNotFound(NotFound, KeyError):
    """No state of knowledge has this name."""


class NotebookNotFound(NotFound, KeyError):
    """The repository has no notebook of this path, or not this version of it."""


class ReferenceNotFound(NotFound, KeyError):
    """No record of the bibliography has this key."""


class PersonNotFound(NotFound, KeyError):
    """Nobody who logs in has this name."""


class SamplesNotFound(NotFound):
    """The signal was wired, but no samples of its port are stored: it recorded nothing, or they were released."""


class Unresolved(UserError, LookupError):
    """The history of the testbed does not say how to compute the value."""


class NotWired(Unresolved):
    """No port was connected to the signal at the time of the shot."""


class NotCalibrated(Unresolved):
    """An item on the way from the port to the signal has no calibration at that time."""


class NotStated(Unresolved):
    """A property of a component, or an attribute of a shot, that a calculation needs was never stated."""


class NotAnalysable(UserError, ValueError):
    """The samples do not show what an analysis looks for: no sweep, a saturated amplifier, a wrong sign."""


class InvalidValue(UserError, ValueError):
    """A value that can never be right: NaN, an odd name, an empty range."""


class NotInTestbed(InvalidValue):
    """Something was said of a component, port or device for a time when it was not in the testbed."""


class UnitMismatch(InvalidValue):
    """Units that do not parse, or that do not compose."""


class ConditionError(InvalidValue):
    """A condition on shots or samples that cannot be understood."""


class FormulaError(InvalidValue):
    """A formula that cannot be understood, names what does not exist, or needs itself."""


class OverlapError(UserError, ValueError):
    """Two facts would hold at the same time."""


class NotPermitted(UserError, PermissionError):
    """The role that acts may not do it; the database refuses."""


class FileRefused(UserError, ValueError):
    """A file that is truncated, empty, or not what it says it is. Nothing was loaded from it."""


class ConflictError(UserError, ValueError):
    """It exists already, with other content."""


class SystemFault(GilgameshError):
    """The installation or the server is not as it should be."""


class ServerError(SystemFault, ConnectionError):
    """PostgreSQL cannot be started or reached."""


class SchemaError(SystemFault):
    """The database is not one this software can use as it is."""


class DatabaseEmpty(SchemaError):
    """The database exists but Gilgamesh was never installed in it."""


class DatabaseForeign(SchemaError):
    """The database holds somebody else's tables."""


class SchemaOutOfDate(SchemaError):
    """The database was made by an older Gilgamesh."""


class SoftwareOutOfDate(SchemaError):
    """The database was made by a newer Gilgamesh."""


class DamagedData(SystemFault):
    """Stored bytes do not agree with their own description."""


class MissingExtra(SystemFault, ImportError):
    """An optional part of Gilgamesh is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}; install it with: pip install 'gilgamesh-db[{extra}]'")


class MissingProgram(SystemFault, FileNotFoundError):
    """A program of the system, such as git, is not installed."""


class OutOfDate(UserWarning):
    """A warning: a stored result was read whose inputs would be read differently today."""


def near_names(name: str, known: Iterable[str], limit: int = 3) -> str:
    """Suggest known names near a mistyped one.

    Returns
    -------
    str
        ``"; did you mean 'Langmuir_I'?"``, or an empty string when nothing is near.

    Examples
    --------
    >>> near_names("Langmiur_I", ["Langmuir_I", "Bdot1"])
    "; did you mean 'Langmuir_I'?"
    >>> near_names("xyz", ["Langmuir_I"])
    ''
    """
    folded = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=limit, cutoff=0.6)
    if not near:
        return ""
    return "; did you mean " + " or ".join(repr(folded[key]) for key in near) + "?"

"""Methods that can be run again: a name, a version, the signals they read, and the function that computes.

A method of one's own package is found by its entry point in the group ``gilgamesh.methods``; one of a notebook as
soon as the decorated function exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from .errors import InvalidValue, NotFound, near_names

if TYPE_CHECKING:
    from .database import Database

_KNOWN: dict[str, Method] = {}


@dataclass(frozen=True)
class Method:
    """A method that can be run on a shot.

    Attributes
    ----------
    name, version : str
    inputs : tuple of str
        Names of the signals it reads.
    compute : callable
        Called as ``compute(run, *signals, **parameters)``; it saves its outputs with ``run.save``.
    """

    name: str
    version: str
    inputs: tuple[str, ...]
    compute: Callable[..., None]

    def __call__(self, *arguments: Any, **parameters: Any) -> None:
        """Compute, as the undecorated function does."""
        self.compute(*arguments, **parameters)

    def run(self, db: Database, shot: int, *, author: str | None = None, **parameters: Any) -> int:
        """Run it on a shot and store the result.

        Returns
        -------
        int
            Number of the run.
        """
        signals = [db.signal(name, shot) for name in self.inputs]
        with db.run(
            self.name, version=self.version, inputs=signals, parameters=parameters, shot=shot, author=author
        ) as run:
            self.compute(run, *signals, **parameters)
        assert run.id is not None  # noqa: S101 - it is stored
        return run.id


def method(name: str, *, version: str, inputs: Sequence[str]) -> Callable[[Callable[..., None]], Method]:
    """Make a function a method that can be run, and run again when its inputs change.

    Parameters
    ----------
    name, version : str
    inputs : sequence of str
        Names of the signals it reads, in the order in which it takes them.

    Examples
    --------
    >>> @method("power", version="1.0", inputs=["Lang_U", "Lang_I"])
    ... def power(run, voltage, current, *, factor=1.0):
    ...     run.save("Lang_P", voltage.time, factor * voltage.values * current.values, "W")
    >>> power.name, power.inputs
    ('power', ('Lang_U', 'Lang_I'))
    """
    if isinstance(inputs, str) or not inputs:
        raise InvalidValue(f"method {name!r} must name the signals it reads, for example inputs=['Lang_U']")

    def decorate(compute: Callable[..., None]) -> Method:
        _KNOWN[name] = Method(name, version, tuple(inputs), compute)
        return _KNOWN[name]

    return decorate


def find_method(name: str) -> Method:
    """The method of this name, of this process or of an installed package.

    Raises
    ------
    NotFound
    """
    if name not in _KNOWN:
        for entry in entry_points(group="gilgamesh.methods", name=name):
            found = entry.load()
            if not isinstance(found, Method) or found.name != name:
                raise InvalidValue(
                    f"the entry point {name!r} of gilgamesh.methods is {found!r}, not the method {name!r}"
                )
            _KNOWN[name] = found
    if name not in _KNOWN:
        known: Iterable[str] = {*_KNOWN, *entry_points(group="gilgamesh.methods").names}
        raise NotFound(
            f"no method {name!r} is known here{near_names(name, known) or ';'} import the module that defines it with "
            f"@gilgamesh.method({name!r}, …), or declare it in the entry points gilgamesh.methods"
        )
    return _KNOWN[name]

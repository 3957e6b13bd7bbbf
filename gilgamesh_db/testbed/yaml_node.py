"""YAML that knows its lines: every value can say where it stands, and refuses what it is not.

YAML 1.2 is read: ``no`` is a word, ``1:20`` is a text, ``1e-8`` is a number.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from .. import units
from ..errors import FileRefused, InvalidValue, UnitMismatch, near_names
from ..timespan import instant


class Loader(yaml.SafeLoader):
    """Reads the scalars of YAML 1.2: truth values, integers, numbers and null."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
WHOLE = re.compile(r"[-+]?[0-9]+$")
MOMENT = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d+)?)?Z?)?$")
Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(null|~|)$"), ["n", "~", ""])
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(true|false)$"), ["t", "f"])
Loader.add_implicit_resolver("tag:yaml.org,2002:int", WHOLE, list("-+0123456789"))
Loader.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, list("-+0123456789."))


class Node:
    """One value of the file."""

    def __init__(self, path: Path, node: yaml.Node) -> None:
        self.path = path
        self.node = node

    @classmethod
    def read(cls, path: Path, text: str) -> Node:
        """The outermost value of a text.

        Raises
        ------
        FileRefused
            It is no YAML, with the line.
        """
        try:
            found = yaml.compose(text, Loader=Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f", line {mark.line + 1}" if mark else ""
            raise FileRefused(f"{path}{line}: {error.problem or error.context}") from error
        except yaml.YAMLError as error:
            raise FileRefused(f"{path}: {str(error).splitlines()[0]}") from error
        if found is None:
            raise FileRefused(f"{path} is empty; write one with: gilgamesh testbed export {path}")
        return cls(path, found)

    @property
    def line(self) -> int:
        """Where it begins, counted from 1."""
        return int(self.node.start_mark.line) + 1

    def refuse(self, why: str, kind: type[Exception] = InvalidValue) -> NoReturn:
        """Raise, naming file and line."""
        raise kind(f"{self.path}, line {self.line}: {why}")

    def items(self) -> dict[str, Node]:
        """A mapping; a key that comes twice is refused."""
        if not isinstance(self.node, yaml.MappingNode):
            self.refuse("names with values are wanted here (name: value)")
        found: dict[str, Node] = {}
        for key, value in self.node.value:
            named = Node(self.path, key)
            name = named.text()
            if name in found:
                named.refuse(f"{name!r} is here a second time; the first is in line {found[name].key_line}")
            found[name] = Node(self.path, value)
            found[name].key_line = named.line
        return found

    key_line = 0

    def mapping(self, known: Iterable[str], needed: Iterable[str] = ()) -> dict[str, Node]:
        """A mapping with keys out of a closed set."""
        found, known = self.items(), list(known)
        for name in found:
            if name not in known:
                near = near_names(name, known) or f"; known here: {', '.join(known)}"
                raise InvalidValue(f"{self.path}, line {found[name].key_line}: nothing is called {name!r} here{near}")
        for name in needed:
            if name not in found:
                self.refuse(f"{name!r} is missing")
        return found

    def sequence(self) -> list[Node]:
        """A list."""
        if not isinstance(self.node, yaml.SequenceNode):
            self.refuse("a list is wanted here")
        return [Node(self.path, item) for item in self.node.value]

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_mapping(self) -> bool:
        """Whether it has names."""
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_null(self) -> bool:
        """Whether it says nothing."""
        return self._kind == "null"

    def text(self) -> str:
        """A text; numbers are read as they are written."""
        if not isinstance(self.node, yaml.ScalarNode) or self._kind in ("null", "bool"):
            self.refuse("a text is wanted here" + ("; put it in quotes" if self._kind in ("null", "bool") else ""))
        return str(self.node.value)

    def number(self) -> float:
        """A number."""
        if self._kind not in ("int", "float"):
            self.refuse("a number is wanted here")
        return float(self.node.value)

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(item.text() for item in self.sequence())

    def moment(self) -> datetime.datetime | None:
        """A time; one without a zone is UTC."""
        try:
            return instant(self.text())
        except InvalidValue as error:
            self.refuse(str(error))

    def unit(self) -> str:
        """A unit, as astropy spells it."""
        try:
            return units.parse_unit("" if self.is_null else self.text()).symbol
        except UnitMismatch as error:
            self.refuse(str(error), UnitMismatch)

    def plain(self) -> Any:
        """Whatever it is, as Python: texts, numbers, truth values, lists and mappings."""
        if self.is_mapping:
            return {name: value.plain() for name, value in self.items().items()}
        if self.is_list:
            return [item.plain() for item in self.sequence()]
        match self._kind:
            case "null":
                return None
            case "bool":
                return self.node.value == "true"
            case "int":
                return int(self.node.value)
            case "float":
                return float(self.node.value)
            case _:
                return self.text()

    @property
    def _kind(self) -> str:
        return self.node.tag.rpartition(":")[2] if isinstance(self.node, yaml.ScalarNode) else ""

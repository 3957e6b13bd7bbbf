"""The examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import gilgamesh_db
import gilgamesh_loaders

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules(package: ModuleType) -> list[str]:
    """Names of a package and everything in it."""
    name = package.__name__
    return [name, *(found.name for found in pkgutil.walk_packages(package.__path__, f"{name}."))]


@pytest.mark.parametrize("name", [*modules(gilgamesh_db), *modules(gilgamesh_loaders)])
def test_docstrings(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {name: len(finder.find(importlib.import_module(name))) for name in modules(gilgamesh_db)}
    assert sum(map(bool, found.values())) >= 5

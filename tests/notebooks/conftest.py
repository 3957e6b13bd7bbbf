"""A small lab for the tests of notebooks, and notebooks made in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit


@pytest.fixture
def lab(db18: gilgamesh.Database) -> Iterator[gilgamesh.Database]:
    """The simulated testbed with two short discharges."""
    simulator.install_testbed(db18)
    for shot in (1234, 1235):
        commit(db18, simulator.simulate_shot(shot, duration=0.02, rate=10_000.0).plan)
    yield db18


@pytest.fixture
def written() -> Callable[..., dict[str, Any]]:
    """A notebook of these cells; text that begins with ``#`` is Markdown."""

    def write(*cells: str) -> dict[str, Any]:
        v4 = nbformat.v4
        made = v4.new_notebook(
            cells=[v4.new_markdown_cell(text) if text.startswith("#") else v4.new_code_cell(text) for text in cells]
        )
        for position, cell in enumerate(made.cells):
            cell["id"] = f"cell{position}"
        return dict(nbformat.from_dict(made))

    return write

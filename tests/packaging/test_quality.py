"""The linter, the formatter, the type checker and the import rules are content with the project."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def content(program: str, *arguments: str) -> None:
    """Run a tool of this environment on the project."""
    found = shutil.which(program, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"left out: {program} is not installed; install it with: pip install -e '.[test]'")
    done = subprocess.run([found, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{program} {' '.join(arguments)}\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def test_linter() -> None:
    content("ruff", "check", "--output-format", "concise", ".")


def test_formatter() -> None:
    content("ruff", "format", "--check", "--output-format", "concise", ".")


def test_type_checker() -> None:
    content("mypy")


def test_imports_go_one_way() -> None:
    content("lint-imports")

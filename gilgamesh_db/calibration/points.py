"""Measured points from a text file: x, y and perhaps sigma, one point per line."""

from __future__ import annotations

import math
import re
from pathlib import Path

from gilgamesh_db.errors import FileRefused

MOST_BYTES = 10_000_000


def read_points(path: Path) -> tuple[list[float], list[float], list[float] | None]:
    """Read two or three columns of numbers.

    Parameters
    ----------
    path : Path
        Columns are separated by commas, semicolons, tabs or spaces; a first line of words is a heading, what follows
        ``#`` a remark, an empty line nothing.

    Returns
    -------
    tuple of list of float
        x, y, and sigma or None.

    Raises
    ------
    FileRefused
        Names the line that is not such a point.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise FileRefused(f"{path} is larger than 10 MB; is it a list of calibration points?")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileRefused(f"{path} is not a text in UTF-8") from error
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = _cells(line.split("#", 1)[0])
        if not cells:
            continue
        try:
            row = [float(cell) for cell in cells]
        except ValueError as error:
            if not rows and not any(re.match(r"[\d.+-]", cell) for cell in cells):
                continue  # the heading
            hint = "; write numbers with a point" if re.search(r"\d,\d", line) and ";" in line else ""
            raise FileRefused(f"line {number} of {path} is not a point: {line.strip()[:60]!r}{hint}") from error
        if len(row) not in (2, 3) or (rows and len(row) != len(rows[0])):
            expected = f"{len(rows[0])}, as the lines before" if rows else "x, y and perhaps sigma"
            raise FileRefused(f"line {number} of {path} has {len(row)} numbers, not {expected}")
        if not all(math.isfinite(value) for value in row):
            raise FileRefused(f"line {number} of {path} holds no finite number: {line.strip()[:60]!r}")
        rows.append(row)
    if not rows:
        raise FileRefused(f"{path} holds no points")
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns[0], columns[1], columns[2] if len(columns) == 3 else None


def _cells(line: str) -> list[str]:
    separator = next((mark for mark in (";", "\t", ",") if mark in line), None)
    cells = [cell.strip() for cell in line.split(separator)]
    return [] if cells == [""] else cells

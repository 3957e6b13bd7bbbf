"""Which files of a folder are recordings, and which are by-products that nobody means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

# Of downloads and copies under way, editors, and index files that belong to a recording.
_BY_PRODUCTS = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".lock", ".swp", ".tdms_index")
_OF_SYSTEMS = {"thumbs.db", "desktop.ini"}


def is_by_product(path: Path) -> bool:
    """Whether a file is hidden, unfinished by its name, or somebody's by-product.

    Examples
    --------
    >>> [is_by_product(Path(name)) for name in ("shot_1.h5", ".shot_1.h5.part", "~$shots.csv", "shot_1.tdms_index")]
    [False, True, True, True]
    """
    name = path.name.casefold()
    return name.startswith((".", "~$")) or name.endswith(("~", *_BY_PRODUCTS)) or name in _OF_SYSTEMS


def files_of(paths: Iterable[Path]) -> Iterator[Path]:
    """The files meant by some paths: a folder means every recording in it and below, in order of their names."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            within = found.relative_to(path)
            if not is_by_product(found) and not any(part.startswith(".") for part in within.parts) and found.is_file():
                yield found

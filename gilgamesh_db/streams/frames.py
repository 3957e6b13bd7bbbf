"""Slow control as tables: samples, aggregates, all channels at an instant, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidValue
from .aggregates import STATISTICS, Grid, aggregated
from .reading import Named, named, period, pieces, samples, values

if TYPE_CHECKING:
    import pandas as pd

    from ..database import Database
    from ..database.connection import Knowledge

LARGEST = 50_000_000  # numbers in one table
_AT = "select * from gilgamesh.slow_at(%s::timestamptz)"
_GAPS = "select * from gilgamesh.slow_gaps(%s, %s::timestamptz, %s::timestamptz, %s)"


def slow(
    db: Database, names: str | Sequence[str], since: Knowledge, until: Knowledge | None, every: str | float | None
) -> pd.DataFrame:
    """See `Database.slow`."""
    import pandas as pd

    first, last = period(since, until)
    asked = named(db, [names] if isinstance(names, str) else list(names))
    if not asked:
        raise InvalidValue("name at least one signal; list them with `gilgamesh signals`")
    stretches = pieces(db, asked, first, last)
    if every is None:
        table = _samples(db, asked, stretches)
    else:
        table = _aggregates(db, asked, stretches, Grid.over(first, last, _interval(every)))
        if isinstance(names, str):
            table.columns = pd.Index(STATISTICS, name="Statistic")
    table.attrs = {
        "units": {one.name: one.unit for one in asked},
        "labels": {one.name: one.label for one in asked},
    }
    return table


def at(db: Database, moment: Knowledge) -> pd.DataFrame:
    """See `Database.at`."""
    import pandas as pd

    from ..timespan import instant

    rows = db.reader.rows(_AT, (instant(moment),), db.knowledge)
    columns = ["signal", "value", "unit", "time", "raw", "port", "status"]
    table = pd.DataFrame([tuple(row) for row in rows], columns=columns).set_index("signal")
    table["time"] = pd.to_datetime(table["time"], utc=True)
    return table.astype({"value": "float64", "raw": "float64"})


def gaps(db: Database, name: str, since: Knowledge, until: Knowledge | None, longer_than: float | None) -> pd.DataFrame:
    """See `Database.slow_gaps`."""
    import pandas as pd

    first, last = period(since, until)
    rows = db.reader.rows(_GAPS, (name, first, last, longer_than), db.knowledge)
    table = pd.DataFrame([tuple(row) for row in rows], columns=["since", "until", "gap", "port"])
    table["since"], table["until"] = (pd.to_datetime(table[edge], utc=True) for edge in ("since", "until"))
    table["seconds"] = (table["until"] - table["since"]).dt.total_seconds()
    return table


def _samples(db: Database, asked: Sequence[Named], stretches: Sequence[Any]) -> pd.DataFrame:
    """One column per signal, at the instants of all of them."""
    import pandas as pd

    found: dict[int, list[tuple[Any, Any]]] = {one.id: [] for one in asked}
    for piece, part in zip(stretches, samples(db, stretches), strict=True):
        found[piece.signal_id].append((part.at, values(piece, part.raw)))
    columns = {
        one.name: pd.Series(
            np.concatenate([part for _, part in found[one.id]]), _index(np.concatenate([at for at, _ in found[one.id]]))
        )
        for one in asked
    }
    if sum(series.size for series in columns.values()) > LARGEST:
        raise InvalidValue(
            "these are too many samples for one table; ask for aggregates (every='1min') or shorter periods"
        )
    return pd.DataFrame(columns)


def _aggregates(db: Database, asked: Sequence[Named], stretches: Sequence[Any], grid: Grid) -> pd.DataFrame:
    """Columns (statistic, signal), a row for each interval."""
    import pandas as pd

    if grid.count * len(asked) * len(STATISTICS) > LARGEST:
        raise InvalidValue(
            f"{grid.count} intervals of {len(asked)} signals are too many for one table; ask for longer intervals (every=)"
        )
    part = aggregated(db, stretches, {one.id: column for column, one in enumerate(asked)}, grid)
    counts = np.zeros(len(asked) * grid.count, np.int64)
    counts[part.key] = part.n
    numbers = np.full((4, len(asked) * grid.count), np.nan)
    for row, found in zip(numbers, (part.low, part.high, part.total / part.n, part.last), strict=True):
        row[part.key] = found
    index = _index((grid.first + np.arange(grid.count)) * grid.every)
    names = [one.name for one in asked]
    columns = pd.MultiIndex.from_product([STATISTICS, names], names=["Statistic", "Signal"])
    tables = (
        pd.DataFrame(counts.reshape(-1, grid.count).T, index, columns[: len(names)], copy=False),
        pd.DataFrame(numbers.reshape(-1, grid.count).T, index, columns[len(names) :], copy=False),
    )
    return pd.concat(tables, axis=1)


def _index(at: Any) -> pd.DatetimeIndex:
    import pandas as pd

    return pd.DatetimeIndex(at.astype("datetime64[us]"), name="Time").tz_localize("UTC")


def _interval(every: str | float) -> int:
    """An interval in whole microseconds."""
    import pandas as pd

    try:
        given = pd.Timedelta(every) if isinstance(every, str) else pd.Timedelta(seconds=every)
        length = given.value // 1000
    except (ValueError, TypeError) as error:
        raise InvalidValue(
            f"every={every!r} is no interval; write it like '1s', '1min', '1h', '1D', or in seconds"
        ) from error
    if pd.isna(given) or length < 1 or length * 1000 != given.value:
        raise InvalidValue(f"every={every!r} is no interval of whole microseconds above zero")
    return int(length)

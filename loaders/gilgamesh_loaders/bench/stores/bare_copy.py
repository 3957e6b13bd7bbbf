"""The bound: the same bytes through COPY into a table of bytes in the same server, and nothing else done with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from gilgamesh_db import payload

from ..workload import DT, Raw

NAME = "bare COPY"


class BareCopy:
    """A table of pieces, as long as segments are, with a primary key; without moments, previews, checksums or checks."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        connection.execute("create schema if not exists bench")
        connection.execute("create table bench.piece (shot bigint, channel integer, position integer, payload bytea, "
                           "primary key (shot, channel, position))")  # fmt: skip
        connection.execute("alter table bench.piece alter column payload set storage external")

    def write(self, number: int, channels: Sequence[Raw]) -> None:
        """Write a shot; committed when this returns."""
        length = payload.segment_length(DT)
        with (
            self._connection.transaction(),
            self._connection.cursor() as cursor,
            cursor.copy("copy bench.piece (shot, channel, position, payload) from stdin (format binary)") as copy,
        ):
            copy.set_types(("int8", "int4", "int4", "bytea"))
            for channel, raw in enumerate(channels):
                for position, first in enumerate(range(0, raw.size, length)):
                    copy.write_row((number, channel, position, raw[first : first + length].tobytes()))

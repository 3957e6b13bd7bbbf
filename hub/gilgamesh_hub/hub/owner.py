"""The database as its owner, in a process of the hub: to let people in, and for nothing else."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import gilgamesh_db
from gilgamesh_db import Database

Words = ParamSpec("Words")
Answer = TypeVar("Answer")


@functools.cache
def owner() -> Database:
    """One connection for the whole process; it is made again when the server was started again."""
    return gilgamesh_db.connect()


async def ask_owner(
    function: Callable[Concatenate[Database, Words], Answer], *arguments: Words.args, **words: Words.kwargs
) -> Answer:
    """Ask in a thread, so that nobody waits meanwhile."""
    return await asyncio.to_thread(lambda: function(owner(), *arguments, **words))

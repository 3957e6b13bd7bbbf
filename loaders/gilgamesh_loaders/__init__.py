"""Everything that reads or writes foreign files.

A format turns the bytes of a file into a plan (`plan.ShotPlan`); it never touches the database.
Writing plans is the work of one other module.
"""

from __future__ import annotations

from gilgamesh_loaders.formats import Format, Hints, known_formats, read_plan, read_plans
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, Source

__all__ = ["Format", "Hints", "Scale", "SeriesPlan", "ShotPlan", "Source", "known_formats", "read_plan", "read_plans"]

"""How alembic runs our revisions: one transaction, our views out of the way, views and grants laid anew.

Reached through ``gilgamesh db create`` and ``gilgamesh db upgrade``, which hand over their connection,
or through the ordinary ``alembic`` command with GILGAMESH_DATABASE_URL set.
"""

import os
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.operations import ops

from gilgamesh_db import installation
from gilgamesh_db.models import Base


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Look at our schema only, and not at the partitions made on demand."""
    if kind == "schema":
        return name == "gilgamesh"
    if kind == "table" and name is not None:
        return not name.startswith(("segment_", "pyramid_", "stream_segment_", "stream_aggregate_"))
    return True


def leave_comments_alone(_context: object, _revision: object, directives: list[Any]) -> None:
    """Comments are documentation and live in schema/ only, not in the models."""

    def keep(found: Iterable[Any]) -> list[Any]:
        kept = []
        for op in found:
            if isinstance(op, ops.CreateTableCommentOp | ops.DropTableCommentOp):
                continue
            if isinstance(op, ops.ModifyTableOps):
                op.ops = keep(op.ops)
                if not op.ops:
                    continue
            if isinstance(op, ops.AlterColumnOp):
                op.modify_comment = False
                if not op.has_changes():
                    continue
            kept.append(op)
        return kept

    for script in directives:
        script.upgrade_ops.ops = keep(script.upgrade_ops.ops)


OPTIONS: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "version_table_schema": "gilgamesh",
    "include_schemas": True,
    "include_name": include_name,
    "process_revision_directives": leave_comments_alone,
    "compare_type": True,
}


def run(connection: sa.Connection) -> None:
    """Run the revisions on a connection, between dropping and laying the views."""
    context.configure(connection=connection, **OPTIONS)
    if context.config.cmd_opts is not None and context.config.cmd_opts.cmd[0].__name__ in ("check", "revision"):
        context.run_migrations()
        return
    connection.exec_driver_sql("create schema if not exists gilgamesh")
    grants = installation.drop_views(connection)
    context.run_migrations()
    installation.lay_views(connection, grants)


connection = context.config.attributes.get("connection")
if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True, **OPTIONS)
    context.run_migrations()
elif connection is not None:
    run(connection)
else:
    engine = sa.create_engine(os.environ["GILGAMESH_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        run(connection)

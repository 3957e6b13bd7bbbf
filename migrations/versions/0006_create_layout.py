"""Create the table of layouts."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(LAYOUT.replace("%", "%%"))


def downgrade() -> None:
    op.get_bind().exec_driver_sql("drop table gilgamesh.layout")


LAYOUT = r"""
-- How the lab likes to see a discharge: which signals, in which panels.

create table gilgamesh.layout (
  name      text primary key,
  panels    jsonb not null,
  edited_at timestamptz not null default now(),
  edited_by text not null default session_user,
  constraint layout_name_plain check (name ~ '^[^[:cntrl:]]{1,100}$' and name = btrim(name)),
  constraint layout_panels_listed check (jsonb_typeof(panels) = 'array' and jsonb_array_length(panels) between 1 and 200)
);

comment on table gilgamesh.layout is 'Panels of overviews and dashboards. The one called overview is what db.overview() shows.';
comment on column gilgamesh.layout.name is 'Name of the layout.';
comment on column gilgamesh.layout.panels is 'From top to bottom: objects with signals (names), and if wanted title, low and high.';
comment on column gilgamesh.layout.edited_at is 'When it was last changed.';
comment on column gilgamesh.layout.edited_by is 'Who changed it.';
"""

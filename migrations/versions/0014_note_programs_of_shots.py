"""Note which program a shot belonged to before."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        alter table gilgamesh.amendment drop constraint amendment_kind_known;
        alter table gilgamesh.amendment
          add constraint amendment_kind_known check (kind in ('component', 'port', 'signal', 'alias', 'attribute', 'shot'));
        comment on table gilgamesh.amendment is
          'How a component, port, signal, alias or attribute was described before and after each change of the description, and when it was made known; and to which program a shot belonged.';
        """
    )


def downgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        alter table gilgamesh.amendment drop constraint amendment_kind_known;
        alter table gilgamesh.amendment
          add constraint amendment_kind_known check (kind in ('component', 'port', 'signal', 'alias', 'attribute')) not valid;
        comment on table gilgamesh.amendment is
          'How a component, port, signal, alias or attribute was described before and after each change of the description, and when it was made known.';
        """
    )

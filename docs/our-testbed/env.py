"""How alembic reaches the testbed's database; Gilgamesh does the work."""

from gilgamesh_db.testbed import environment

environment.run()

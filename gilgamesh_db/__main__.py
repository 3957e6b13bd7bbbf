"""``python -m gilgamesh_db`` is the command ``gilgamesh``."""

from .cli import main

main()

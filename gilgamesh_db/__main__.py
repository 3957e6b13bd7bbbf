"""``python -m gilgamesh_db`` is the command ``gilgamesh``."""

from .cli import main

if __name__ == "__main__":
    main()

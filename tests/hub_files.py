"""Files and managers that several tests of the hub make."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def text(content: str) -> dict[str, Any]:
    """What a browser sends to save a text."""
    return {"type": "file", "format": "text", "content": content}


def manager_of(url: str, folder: Path, **settings: Any) -> Any:
    """A contents manager as a server configures it, whose signatures are kept in a folder."""
    from nbformat.sign import NotebookNotary

    from gilgamesh_hub.contents.manager import GilgameshContentsManager

    made = GilgameshContentsManager(db_url=url, **settings)
    made.notary = NotebookNotary(parent=made, data_dir=str(folder))
    return made

r"""Citations in Jupyter: what ``\citep[key]`` stands for, asked by the Lab extension, and the pages its links open.

An extension of jupyter_server. It asks the bibliography with the person's own connection, when the first citation is shown;
without a database, text stays as it is.
"""

from __future__ import annotations

from typing import Any

SERVER_EXTENSION = "gilgamesh_hub.citations"
"""What ``ServerApp.jpserver_extensions`` calls it; its other half is in the folder ``labextension`` of the hub."""


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": SERVER_EXTENSION}]


def _load_jupyter_server_extension(server: Any) -> None:
    from .handlers import routes
    from .library import Library

    server.web_app.add_handlers(".*$", routes(server.web_app.settings["base_url"], Library()))
    # What Lab exports as HTML has its citations as links, too.
    settings = server.config.HTMLExporter
    settings.preprocessors = [*settings.get("preprocessors", []), "gilgamesh_db.notebooks.preprocessor.Citations"]

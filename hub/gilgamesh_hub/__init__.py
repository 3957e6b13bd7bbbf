"""The hub: pages and API over Tornado, notebooks kept in PostgreSQL, JupyterHub for a personal Jupyter.

It stands on ``gilgamesh_db`` and ``gilgamesh_loaders``; its handlers hold no SQL.
"""

"""Notebooks kept in PostgreSQL, beside the data they read: Jupyter's contents manager over the tables of pgcontents.

``manager``        what Jupyter asks for, and how it is answered
``checkpoints``    states one may go back to
``tree``           folders: what is in them, moving, copying, removing, the trash
``document``       one file: bytes, checksum, checkpoints
``upload``         large files that arrive in pieces
``notebook``       notebooks of any version as bytes
``models``         what Jupyter is told of a file
``paths``          Jupyter's paths and those of pgcontents
``failures``       refusals of the database as HTTP answers
``engine``         the connections
``compatibility``  pgcontents 0.6 on today's Jupyter and SQLAlchemy
"""

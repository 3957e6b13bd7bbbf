"""Notebooks beside the data they read: versions, what each used, what it cites, how it looks."""

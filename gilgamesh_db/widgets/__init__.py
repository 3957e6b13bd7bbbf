"""What one looks at in a notebook: the last discharge, and a browser of shots."""

from .browser import Browser
from .dashboard import Dashboard

__all__ = ["Browser", "Dashboard"]

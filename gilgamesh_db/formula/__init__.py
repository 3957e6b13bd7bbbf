"""Formulas over signals: read, checked, and evaluated without ever executing their text.

`parse_formula` and `parse_condition` turn text into a tree of known operations, `compile_formula` checks its
dimensions, and what it returns is called with arrays. Plain arithmetic: nothing here knows the database.
"""

from .compiled import Compiled, compile_formula, shown
from .functions import FUNCTIONS
from .parse import Node, parse_condition, parse_formula

__all__ = ["FUNCTIONS", "Compiled", "Node", "compile_formula", "parse_condition", "parse_formula", "shown"]

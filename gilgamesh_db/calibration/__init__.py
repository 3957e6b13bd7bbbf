"""Calibration: a chain of steps out of a closed, versioned set, as pure arithmetic.

A step is stored as one JSON object, ``{"function": …, "version": 1, …parameters}``; never as code. The
same arithmetic exists in SQL (``views/020_calibration_functions.sql``), and tests hold the two together:
`Polynomial`, `PiecewisePolynomial` and `Table` agree to the last bit; the others, which end in the
mathematical library of one side or the other, to 1e-12 relative.

Every float64 has a defined result and nothing warns. Beyond the formula of each function:

- NaN, a missing sample, stays NaN through every step, a constant included.
- What is too large is ±inf, what is too small is 0 or a subnormal number, exactly as IEEE 754 rounds it.
- ±inf follows the arithmetic: ``0·inf`` and ``inf − inf`` are NaN, so a constant of ±inf is NaN.
- Outside the definition of a function stands NaN: the logarithm of a negative number, a fractional power
  of one (−inf included), a table or a piecewise polynomial beyond its ends unless ``outside`` says otherwise.

Parameters are finite and either 0 or of a magnitude between 1e-300 and 1e300; ``-0.0`` is stored as 0.
"""

from .chain import affine, compose_affine, evaluate, formula
from .covariance import checked_covariance, covariance_factor, parameters
from .document import steps_from_json, steps_to_json
from .fit import Fit, fit
from .points import read_points
from .propagation import propagate
from .steps import Exponential, Logarithm, PiecewisePolynomial, Polynomial, PowerLaw, PowerOfTen, Step, Table

__all__ = [
    "Exponential",
    "Fit",
    "Logarithm",
    "PiecewisePolynomial",
    "Polynomial",
    "PowerLaw",
    "PowerOfTen",
    "Step",
    "Table",
    "affine",
    "checked_covariance",
    "compose_affine",
    "covariance_factor",
    "evaluate",
    "fit",
    "formula",
    "parameters",
    "propagate",
    "read_points",
    "steps_from_json",
    "steps_to_json",
]

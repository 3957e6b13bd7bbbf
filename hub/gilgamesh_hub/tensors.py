"""Arrays as bytes, in the format of safetensors: eight bytes with the length of a header, the header in JSON, the numbers.

Scripts of the pages read it with a few lines; Python with the package ``safetensors``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NAMES = {"float64": "F64", "float32": "F32"}


def packed(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    r"""Arrays of float32 or float64, and what is said of them.

    Examples
    --------
    >>> packed({"x": np.array([1.0])}, {"unit": "A"})[8:]
    b'{"__metadata__":{"unit":"A"},"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}      \x00\x00\x00\x00\x00\x00\xf0?'
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    pieces, end = [], 0
    for name, array in arrays.items():
        piece = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        header[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [end, end + len(piece)],
        }
        pieces.append(piece)
        end += len(piece)
    said = json.dumps(header, separators=(",", ":")).encode()
    said += b" " * (-len(said) % 8)  # so that the numbers begin where processors like it
    return len(said).to_bytes(8, "little") + said + b"".join(pieces)

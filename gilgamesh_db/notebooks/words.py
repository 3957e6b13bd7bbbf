"""Words of notebooks as PostgreSQL finds them: lower case, without accents, names taken apart at underscores."""

from __future__ import annotations

import re

from ..bibliography import folded

MOST = 16_000  # words of a cell; beyond, PostgreSQL no longer tells which stand beside each other
LONGEST = 100  # characters of a word
# Chinese, Japanese and Korean are written without blanks: each character is a word.
_EAST = "\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff"
_WORD = re.compile(f"[{_EAST}]|[^\\W_{_EAST}]+")


def words_of(text: str) -> list[str]:
    """Words of a text, in order.

    Examples
    --------
    >>> words_of("Lang_I = db.signal('Müller')")
    ['lang', 'i', 'db', 'signal', 'muller']
    >>> words_of("离子 T")
    ['离', '子', 't']
    """
    return [word[:LONGEST] for word in _WORD.findall(folded(text))]


def vector(text: str) -> str:
    """What stands in a column of type ``tsvector``: each word with its places.

    Examples
    --------
    >>> vector("b a b")
    "'b':1,3 'a':2"
    """
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words_of(text)[:MOST], start=1):
        places.setdefault(word, []).append(place)
    return " ".join(f"'{word}':{','.join(map(str, at[:255]))}" for word, at in places.items())


def queries(asked: str) -> list[str]:
    """What to look for, as ``tsquery``: each word between blanks by itself, its parts beside each other, the last perhaps cut short.

    Examples
    --------
    >>> queries("Lang_I heli")
    ["'lang' <-> 'i':*", "'heli':*"]
    """
    found = []
    for word in asked.split():
        parts = [f"'{part}'" for part in words_of(word)]
        if parts:
            found.append(" <-> ".join(parts) + ":*")
    return found

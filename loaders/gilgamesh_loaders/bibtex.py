"""BibTeX text into entries, without losing anything: each entry keeps its own text, and what cannot be read is listed."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gilgamesh_db.bibliography import folded
from gilgamesh_db.errors import FileRefused, MissingExtra

if TYPE_CHECKING:
    from bibtexparser.model import ParsingFailedBlock

MONTHS = {
    name[:3].lower(): name
    for name in ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
                 "November", "December")
}  # fmt: skip
LONGEST = 1_000_000  # characters of one entry
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
          codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
_STATED = re.compile(rb"^%+\s*encoding:\s*([\w.-]+)", re.IGNORECASE | re.MULTILINE)
_HIGH = re.compile(rb"[\x80-\xff]+")
_KEY = re.compile(r"[^\s,{}\x00-\x1f\x7f]{1,200}")
_LATEX = re.compile(r"[\\{}$~`'&%]|--")
# Accents, letters and symbols that stand for themselves, whatever is around them.
_ACCENT = re.compile(
    r"""\{\\["'`^~=.](?:[A-Za-z]|\{[A-Za-z]\})\}|\\["'`^~=.](?:[A-Za-z]|\{[A-Za-z]\})|\\[&%#_]"""
    r"|\\(?:ss|ae|AE|oe|OE|aa|AA|o|O|l|L|times|pm|mu|alpha|beta|gamma|delta|epsilon|theta|kappa|lambda|nu|omega|pi|rho|sigma"
    r"|tau|phi|chi|psi|xi|eta|zeta|Gamma|Delta|Theta|Lambda|Pi|Sigma|Phi|Psi|Omega)(?![A-Za-z])\s*"
)
_HARD = re.compile(r"[\\$&%#~]")
_SIGNS = (("!`", "¡"), ("?`", "¿"), ("---", "—"), ("--", "–"), ("``", "“"), ("''", "”"), ("{", ""), ("}", ""))
_VERBATIM = frozenset(("url", "doi", "eprint", "file", "isbn", "issn", "crossref"))
_MARK = re.compile(r"(?<!\\)[{}\"]")
_PIECE = re.compile(r"\s*(?:(\d+)|([^\s\"#%'(),={}]+)|(?=([{\"])))")


@dataclass(frozen=True)
class Entry:
    """One record of a bibliography.

    Attributes
    ----------
    key, kind : str
        What it is cited by, and what it is (``article``, ``book`` …).
    raw : str
        Its text in the file, unchanged.
    fields : mapping of str to str
        Its fields with abbreviations (``@string``) put in and LaTeX turned into plain Unicode; names in lower case.
    authors : tuple of str
        Authors, or editors where there are none: ``Leslie A. Aamport``.
    line : int
        Where it begins, counted from 1.
    """

    key: str
    kind: str
    raw: str
    fields: Mapping[str, str]
    authors: tuple[str, ...]
    line: int

    @property
    def words(self) -> str:
        """What a search looks through: everything, in lower case and without accents."""
        return folded(" ".join((self.key, self.kind, *self.fields.values())))


@dataclass(frozen=True)
class Passage:
    """What stands between the entries and belongs to the file: ``@string``, ``@preamble`` or a comment."""

    kind: str
    name: str | None
    raw: str
    line: int


@dataclass(frozen=True)
class Refused:
    """A part of the file that is no entry, and why."""

    line: int
    reason: str
    raw: str

    def __str__(self) -> str:
        start = " ".join(self.raw.split())
        return f"line {self.line}: {self.reason}: {start[:60]}{'…' if len(start) > 60 else ''}"


@dataclass(frozen=True)
class Bibtex:
    """A file of BibTeX, taken apart."""

    entries: tuple[Entry, ...]
    passages: tuple[Passage, ...]
    refused: tuple[Refused, ...]
    abbreviations: Mapping[str, str]
    encoding: str = "utf-8"
    guessed: bool = False


def read(content: bytes, encoding: str | None = None, abbreviations: Mapping[str, str] | None = None) -> Bibtex:
    """Take a file apart, whatever its encoding.

    Parameters
    ----------
    content : bytes
        The file.
    encoding : str, optional
        How its letters are written. Left out: its byte order mark, its own statement (``% Encoding: GBK``), UTF-8,
        and else a guess, which `Bibtex.guessed` owns up to.
    abbreviations : mapping of str to str, optional
        What is abbreviated elsewhere; the file's own ``@string`` go before.

    Raises
    ------
    FileRefused
        The bytes are not text, or not in the encoding named.

    Examples
    --------
    >>> [entry.fields["title"] for entry in read(b"@misc{a, title = {On {ECR} sources}}").entries]
    ['On ECR sources']
    """
    name, guessed = (encoding, False) if encoding else _encoding(content)
    try:
        text = content.decode(name)
    except LookupError as error:
        raise FileRefused(f"{name!r} is no known encoding; name one such as utf-8, latin-1 or gbk") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileRefused(f"line {line} is not written in {name}; say which encoding it is") from error
    if "\x00" in text:
        raise FileRefused("the file holds zero bytes; it is not a bibliography")
    return replace(parse(text, abbreviations), encoding=name, guessed=guessed)


def parse(text: str, abbreviations: Mapping[str, str] | None = None) -> Bibtex:
    """Take text apart; nothing is dropped: what is not an entry is a passage, or refused with its line."""
    try:
        from bibtexparser import model
        from bibtexparser.splitter import Splitter
    except ImportError as error:
        raise MissingExtra("bibtexparser", "loaders", "reading a bibliography") from error
    blocks = Splitter(text.replace("\r\n", "\n").replace("\r", "\n")).split().blocks
    known = {**MONTHS, **(abbreviations or {})}
    own: dict[str, str] = {}
    entries: dict[str, Entry] = {}
    passages: list[Passage] = []
    refused: list[Refused] = []
    for block in blocks:
        line, raw = (block.start_line or 0) + 1, block.raw or ""
        if isinstance(block, model.ParsingFailedBlock):
            again = _duplicate(block, entries)
            if again is None or not again:
                refused.extend([] if again == "" else [Refused(line, _why(block), raw)])
            else:
                refused.append(Refused(line, again, raw))
        elif isinstance(block, model.Entry):
            try:
                entries[block.key] = _entry(block, raw, line, known)
            except ValueError as error:
                refused.append(Refused(line, str(error), raw))
        elif isinstance(block, model.String):
            name = block.key.lower()
            known[name] = own[name] = expanded(block.value, known)
            passages.append(Passage("string", block.key, raw, line))
        elif isinstance(block, model.Preamble):
            passages.append(Passage("preamble", None, raw, line))
        else:
            passages.append(Passage("comment", None, raw, line))
    return Bibtex(tuple(entries.values()), tuple(passages), tuple(refused), own)


def _entry(block: Any, raw: str, line: int, abbreviations: Mapping[str, str]) -> Entry:
    if not _KEY.fullmatch(block.key):
        raise ValueError(
            "the entry has no key"
            if not block.key
            else f"{block.key!r} cannot be a key: no blanks or braces, at most 200"
        )
    if len(raw) > LONGEST:
        raise ValueError(f"the entry has {len(raw)} characters; {LONGEST} is the most")
    fields = {f.key.lower(): expanded(str(f.value), abbreviations) for f in block.fields}
    names = fields.get("author") or fields.get("editor") or ""
    decoded = {name: " ".join(_decoded(name, value).split()) for name, value in fields.items()}
    return Entry(block.key, block.entry_type.lower(), raw, decoded, tuple(authors(names)), line)


def _decoded(name: str, value: str) -> str:
    return re.sub(r"\\([_%&#~])", r"\1", value) if name in _VERBATIM else plain(value)


def _duplicate(block: ParsingFailedBlock, entries: Mapping[str, Entry]) -> str | None:
    """What is wrong with a repeated key; an empty text when it is the same entry once more, None when that is not it."""
    from bibtexparser.model import DuplicateBlockKeyBlock
    from bibtexparser.model import Entry as Block

    if not isinstance(block, DuplicateBlockKeyBlock) or not isinstance(block.ignore_error_block, Block):
        return None
    first = entries.get(block.key)
    if first is None:
        return None
    if " ".join(first.raw.split()) == " ".join((block.raw or "").split()):
        return ""
    return f"the key {block.key!r} was used before, in line {first.line}, for another text"


def _why(block: ParsingFailedBlock) -> str:
    from bibtexparser.model import DuplicateBlockKeyBlock, DuplicateFieldKeyBlock

    if isinstance(block, DuplicateFieldKeyBlock):
        return f"the field {' and '.join(sorted(block.duplicate_keys))} is given twice"
    if isinstance(block, DuplicateBlockKeyBlock):
        return f"{block.key!r} is defined twice"
    return "a brace or quote is not closed"


def expanded(value: str, abbreviations: Mapping[str, str]) -> str:
    """Text of a field: pieces joined by ``#``, abbreviations replaced, enclosing braces or quotes gone.

    An abbreviation nobody defined stays as it is written.

    Examples
    --------
    >>> expanded('STOC # " 83"', {"stoc": "Symposium"})
    'Symposium 83'
    """
    return "".join(_pieces(value, abbreviations))


def _pieces(value: str, abbreviations: Mapping[str, str]) -> Iterator[str]:
    at = 0
    while at < len(value):
        if value[at] == "#" or value[at].isspace():
            at += 1
            continue
        piece = _PIECE.match(value, at)
        if piece is None:
            yield value[at:]
            return
        if piece.group(3):
            end = _closing(value, at)
            yield value[at + 1 : end]
            at = end + 1
        else:
            word = piece.group(1) or piece.group(2)
            yield abbreviations.get(word.lower(), word)
            at = piece.end()


def _closing(value: str, start: int) -> int:
    """Where the piece that opens here is closed."""
    depth = 0
    end = '"' if value[start] == '"' else "}"
    for mark in _MARK.finditer(value, start + 1):
        letter = mark.group()
        if depth == 0 and letter == end:
            return mark.start()
        depth += {"{": 1, "}": -1}.get(letter, 0)
    return len(value)


@lru_cache(maxsize=1)
def _decoder() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text

    return LatexNodes2Text(math_mode="verbatim", keep_comments=True, strict_latex_spaces=False)


@lru_cache(maxsize=1)
def _macros() -> Any:
    from pylatexenc.latexwalker import get_default_latex_context_db

    return get_default_latex_context_db()


@lru_cache(maxsize=100_000)
def plain(text: str) -> str:
    r"""Turn LaTeX into Unicode; formulas between dollars stay as they are.

    Examples
    --------
    >>> plain(r"Pt\'{a}k, {G}n\"us --- $x_1$")
    'Pták, Gnüs — $x_1$'
    """
    if not _LATEX.search(text):
        return text
    # Nearly all of it is accents, dashes and braces around capitals, which need no parser.
    easy = _ACCENT.sub(lambda accent: _accented(accent.group().rstrip()), text)
    if not _HARD.search(easy):
        for written, meant in _SIGNS:
            easy = easy.replace(written, meant)
        return unicodedata.normalize("NFC", easy)
    return _parsed(text)


@lru_cache(maxsize=4096)
def _accented(accent: str) -> str:
    return _parsed(accent)


def _parsed(text: str) -> str:
    from pylatexenc.latexwalker import LatexWalker

    try:
        walker = LatexWalker(re.sub(r"(?<!\\)%", r"\%", text), latex_context=_macros(), tolerant_parsing=True)
        decoded = _decoder().nodelist_to_text(walker.get_latex_nodes()[0])
    except Exception:  # the decoder gives up in many ways on text that is no LaTeX; the text itself is better than none
        return text
    return str(unicodedata.normalize("NFC", decoded))


def authors(names: str) -> list[str]:
    r"""People of an author field, each as ``First von Last, Jr``.

    Examples
    --------
    >>> authors(r"Ph{\^o}ng Nguy{\^e}n and van der Meer, Jan and others")
    ['Phông Nguyên', 'Jan van der Meer', 'others']
    """
    from bibtexparser.middlewares.names import (
        InvalidNameError,
        parse_single_name_into_parts,
        split_multiple_persons_names,
    )

    people = []
    for name in split_multiple_persons_names(names):
        try:
            parts = parse_single_name_into_parts(name, strict=False)
        except InvalidNameError:
            people.append(plain(name))
            continue
        person = " ".join(plain(word) for word in (*parts.first, *parts.von, *parts.last))
        people.append(", ".join([person, *(plain(word) for word in parts.jr)]))
    return people


def _encoding(content: bytes) -> tuple[str, bool]:
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return name, False
    stated = _STATED.search(content[:2000])
    if stated:
        name = stated.group(1).decode("ascii", "replace")
        try:
            content.decode(name)
        except (LookupError, UnicodeDecodeError):
            pass  # it says one thing and is another; look at the bytes
        else:
            return name, False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        if _western(content):
            return "cp1252", True
        from charset_normalizer import from_bytes

        best = from_bytes(content).best()
        if best is None:
            raise FileRefused("the file is in no known encoding; save it as UTF-8, or say which one it is") from None
        return best.encoding, True
    return "utf-8", False


def _western(content: bytes) -> bool:
    """Whether letters with accents stand alone among others, as in Latin-1; of Muñoz a statistic of letters makes Muńoz."""
    high: list[bytes] = _HIGH.findall(content)
    alone = sum(len(run) == 1 and run >= b"\xc0" for run in high)
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return False
    return 2 * alone > sum(len(run) for run in high)

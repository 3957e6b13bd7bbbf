"""History: edited, tried out, compared, pinned and cited."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..timespan import instant
from .connection import Connected, Knowledge

if TYPE_CHECKING:
    import pandas as pd

    from ..bibliography import Bibliography
    from ..changes import Changes
    from ..changes import Shots as ChangedShots
    from ..citation import Citation, Verification
    from ..dry_run import WhatIf
    from ..edits import Edit
    from ..persons import Persons
    from ..release import Release
    from ..signal import Signal
    from . import Database


class History(Connected):
    """What was known, and how it changes."""

    def edit(
        self, reason: str, *, author: str | None = None, recorded_at: datetime.datetime | str | None = None
    ) -> contextlib.AbstractContextManager[Edit]:
        """Change the history of the testbed: everything inside is one transaction, and keeps what was known before.

        Parameters
        ----------
        reason : str
            Why; the next person will read it.
        author : str, optional
            Who states it; the database role by default.
        recorded_at : datetime or str, optional
            Only for imports by the owner: when it became known.

        Examples
        --------
        >>> with db.edit("cable found on ai5", author="anna") as edit:  # doctest: +SKIP
        ...     edit.connect("Langmuir_I", "PXI M6251/ai5", chain=["shunt1"], since="2026-03-01")
        """
        from ..edits import edit

        return edit(self._whole, reason, author, instant(recorded_at))

    def what_if(
        self, reason: str, *, author: str | None = None, exact: bool = True
    ) -> contextlib.AbstractContextManager[WhatIf]:
        """Try an edit: everything inside is taken back, and what it would have changed is told afterwards.

        Until the block ends nobody else can edit, so keep it short; readers notice nothing.

        Parameters
        ----------
        reason, author
            As for `edit`.
        exact : bool
            Read samples where stored moments do not tell the size of a change; otherwise it is only enclosed.

        Examples
        --------
        >>> with db.what_if("shunt measured again") as w:  # doctest: +SKIP
        ...     w.calibrate("shunt1", gilgamesh.Polynomial((0.0, -0.0101)), "V", "A")
        >>> print(w.effect)  # doctest: +SKIP
        """
        from ..dry_run import what_if

        return what_if(self._whole, reason, author, exact)

    def changes(
        self,
        known_at_1: Knowledge,
        known_at_2: Knowledge | None = None,
        *,
        shots: ChangedShots = None,
        signals: Sequence[str] | str | None = None,
        tolerance: float = 0.0,
        exact: bool = True,
    ) -> Changes:
        """Which signals of which shots two states of knowledge say differently, by how much, and who made the difference.

        Differences along one record through two straight lines follow exactly from stored moments; for all others
        the samples are read.

        Parameters
        ----------
        known_at_1, known_at_2 : datetime or str
            Two moments of knowledge; the second is today when left out.
        shots : int, str or sequence of int, optional
            One shot, ``"1600:1700"`` (the last not included), or several; all by default.
        signals : str or sequence of str, optional
            Names or aliases; all by default.
        tolerance : float
            Leave out what differs by no more than this part of its largest value. Where previews show it, no sample is read.
        exact : bool
            False never reads samples: where moments do not tell the size of a change, previews enclose it.

        Raises
        ------
        InvalidValue
            A moment lies in the future or before the first edit of the database.

        Examples
        --------
        >>> print(db.changes("2026-02-05", "2026-02-07", signals="Lang_I"))  # doctest: +SKIP
        """
        from ..changes import changes

        return changes(
            self._whole, self._moment(known_at_1), self._moment(known_at_2), shots, signals, tolerance, exact
        )

    def edits(self, rows: int = 20) -> pd.DataFrame:
        """What changed lately, the latest first: index ``Edit``; At, Author, Reason. Without what loading states by itself."""
        return self.sql(
            'select id as "Edit", recorded_at as "At", author as "Author", reason as "Reason" from gilgamesh.edit '
            "where recorded_at <= gilgamesh.known_at() and reason not like all(array['computed from shot %', 'loaded shot %']) order by id desc limit :rows",
            {"rows": rows},
        ).set_index("Edit")

    def create_release(
        self, name: str, description: str = "", *, known_at: Knowledge | None = None, author: str | None = None
    ) -> Release:
        """Give a state of knowledge a name; it never changes, whatever is found out later.

        Parameters
        ----------
        name : str
            Letters, digits, dots, dashes and underscores, beginning with a letter. It can be said wherever a moment of
            knowledge is asked for.
        description : str
            What it is for.
        known_at : datetime or str, optional
            The moment; today's knowledge (or that of this database) when left out. What is pinned is the last edit
            before it.
        author : str, optional
            Who makes it; the database role by default.

        Raises
        ------
        ConflictError
            There is a release of this name.
        InvalidValue
            The moment lies in the future or before the first edit.
        """
        from ..release import create_release

        return create_release(self._whole, name, description, self._moment(known_at) or self.knowledge, author)

    def releases(self) -> pd.DataFrame:
        """All releases: index ``Release``; KnownAt, Description, Author, Created."""
        from ..release import table_of_releases

        return table_of_releases(self._whole)

    def release(self, name: str) -> Database:
        """The same database, answering from the knowledge a release pinned.

        Raises
        ------
        ReleaseNotFound

        Examples
        --------
        >>> db.release("paper-2026").signal("Langmuir_I", shot=1234)  # doctest: +SKIP
        """
        from ..release import release_named

        return self.known_at(release_named(self._whole, name).known_at)._whole

    def cite(self, signal: Signal, *, author: str | None = None) -> Citation:
        """Quote the numbers of a signal: a key that stands for them for ever, and a BibTeX entry.

        Citing the same numbers again returns the same key.

        Parameters
        ----------
        signal : Signal
            A stored signal or a window of it, as known today or at the moment its database answers from.
        author : str, optional
            Who cites it; the database role by default.

        Raises
        ------
        InvalidValue
            The database does not give the same numbers again by this name.

        Examples
        --------
        >>> c = db.cite(db.signal("Langmuir_I", shot=1234).window(0.5, 0.6))  # doctest: +SKIP
        >>> print(c.bibtex)  # doctest: +SKIP
        """
        from ..citation import cite

        return cite(self._whole, signal, author)

    def cited(self, key: str) -> Signal:
        """The signal a key stands for, as it was known when it was cited.

        Raises
        ------
        ReferenceNotFound
        """
        from ..citation import cited

        return cited(self._whole, key)

    def citations(self) -> pd.DataFrame:
        """All quoted numbers: index ``Key``; Signal, Shot, T0, T1 (s), KnownAt, N, Unit, Mean, Author, Created."""
        from ..citation import table_of_citations

        return table_of_citations(self._whole)

    def verify(self, key: str) -> Verification:
        """Compute quoted numbers again, compare them, and say what today's knowledge says otherwise.

        Raises
        ------
        ReferenceNotFound
        """
        from ..citation import verify

        return verify(self._whole, key)

    @property
    def bibliography(self) -> Bibliography:
        """What the lab has read and cites: ``db.bibliography["chen2003"]``, ``db.bibliography.search("helicon")``."""
        from ..bibliography import Bibliography

        return Bibliography(self._whole)

    @property
    def persons(self) -> Persons:
        """Who works with the testbed: ``db.persons.create("anna", "operator")``, ``db.persons.table()``."""
        from ..persons import Persons

        return Persons(self._whole)

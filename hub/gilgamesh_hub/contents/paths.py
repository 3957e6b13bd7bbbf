"""Where a file is: Jupyter says ``probes/lang.ipynb``, pgcontents keeps ``/probes/`` and ``lang.ipynb``."""

from __future__ import annotations

from dataclasses import dataclass

from tornado.web import HTTPError

LONGEST = 2000  # bytes of a whole path in UTF-8; an entry of an index has room for 2 700


@dataclass(frozen=True)
class Location:
    """A place in somebody's tree; there may be a file, a folder or nothing.

    Examples
    --------
    >>> Location.of("/probes//./lang.ipynb")
    Location(parts=('probes', 'lang.ipynb'))
    >>> Location.of("probes/old/../lang.ipynb").path, Location.of("probes").as_folder
    ('probes/lang.ipynb', '/probes/')
    """

    parts: tuple[str, ...]

    @classmethod
    def of(cls, path: str) -> Location:
        """Read Jupyter's path.

        Raises
        ------
        HTTPError
            404 where it leads out of the root or cannot be a path, 400 where it is too long.
        """
        parts: list[str] = []
        for part in path.split("/"):
            if part == "..":
                if not parts:
                    raise HTTPError(404, f"{path} is outside root contents directory")
                parts.pop()
            elif part not in {"", "."}:
                parts.append(part)
        try:
            length = len("/".join(parts).encode()) + 2  # with the slashes at its ends
        except UnicodeEncodeError as error:
            raise HTTPError(404, f"{path!r} is not a valid path: it holds half a character") from error
        if "\0" in path:
            raise HTTPError(404, f"{path!r} is not a valid path: it holds a null character")
        if length > LONGEST:
            raise HTTPError(
                400, f"the path has {length} bytes, more than the {LONGEST} there is room for: {path[:80]}…"
            )
        return cls(tuple(parts))

    @property
    def path(self) -> str:
        """As Jupyter writes it."""
        return "/".join(self.parts)

    @property
    def name(self) -> str:
        """The last part; empty for the root."""
        return self.parts[-1] if self.parts else ""

    @property
    def parent(self) -> Location:
        """The folder it is in; the root is in itself."""
        return Location(self.parts[:-1])

    @property
    def is_root(self) -> bool:
        """Whether it is the folder everything is in."""
        return not self.parts

    @property
    def is_hidden(self) -> bool:
        """Whether a part of it begins with a dot."""
        return any(part.startswith(".") for part in self.parts)

    @property
    def as_folder(self) -> str:
        """As pgcontents names a folder: from slash to slash."""
        return f"/{self.path}/" if self.parts else "/"

    @property
    def as_file(self) -> str:
        """As pgcontents names the file of a checkpoint: from slash to the end."""
        return f"/{self.path}"

    def __truediv__(self, name: str) -> Location:
        return Location((*self.parts, name))

    def __contains__(self, other: Location) -> bool:
        return other.parts[: len(self.parts)] == self.parts

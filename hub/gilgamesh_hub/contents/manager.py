"""The contents manager: Jupyter's files in PostgreSQL, one person's in each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from jupyter_server.services.contents.manager import copy_pat
from tornado.web import HTTPError
from traitlets import Bool, Integer, Unicode, default

from gilgamesh_db.errors import InvalidValue

from . import document, models, notebook, tree, upload
from .checkpoints import GilgameshCheckpoints
from .compatibility import pgcontents
from .engine import open_engine, role, shown
from .failures import answered
from .models import Model
from .paths import Location

errors, crypto = pgcontents.error, pgcontents.crypto


class GilgameshContentsManager(pgcontents.PostgresContentsManager):
    """Notebooks and files of one person in the tables of pgcontents.

    It answers as the managers of jupyter_server do. What differs: a file is whole or not there, also while it is
    uploaded in pieces; a renamed folder takes its checkpoints along in the same transaction; the trash is a hidden
    folder of the person.
    """

    db_url = Unicode(
        "", config=True, help="The database; without it GILGAMESH_DATABASE_URL, or the embedded one. No password here."
    )
    user_id = Unicode(config=True, help="Whose notebooks; the role of the connection if not said.")
    max_file_size_bytes = Integer(
        100_000_000, config=True, help="Largest file that is saved, in bytes; 0 for what PostgreSQL takes (700 MB)."
    )
    max_copy_folder_size_mb = Integer(500, config=True, help="Largest folder that is copied, in MB.")
    delete_to_trash = Bool(True, config=True, help="Whether what is deleted goes to the hidden folder .Trash.")
    trash_days = Integer(30, min=0, config=True, help="How many days things stay in the trash.")
    always_delete_dir = Bool(False, config=True, help="Whether folders that are not empty are deleted without trash.")

    hash_algorithm = "sha256"  # of every file; noted beside it when it is saved

    @default("engine")
    def _default_engine(self) -> sa.Engine:
        return open_engine(self.db_url)

    @default("user_id")
    def _default_user_id(self) -> str:
        return role(self.engine)

    @default("checkpoints_class")
    def _default_checkpoints_class(self) -> type:
        return GilgameshCheckpoints

    @default("checkpoints_kwargs")
    def _default_checkpoints_kwargs(self) -> dict[str, Any]:
        return {"parent": self, "log": self.log, "engine": self.engine, "user_id": self.user_id}

    @default("root_dir")
    def _default_root_dir(self) -> str:
        # Pages say where they begin relative to this folder of the computer, whose name is the only thing they use.
        return str(getattr(self.parent, "root_dir", "/"))

    @default("files_handler_params")
    def _default_files_handler_params(self) -> dict[str, Any]:
        # The handler of /files/ asks the manager, yet inherits from one that cannot be made without a folder.
        return {"path": ""}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.crypto, crypto.NoEncryption):
            raise InvalidValue("crypto cannot be set: the database itself puts uploads together and copies files")
        self._tell_pages()

    def _tell_pages(self) -> None:
        """Let JupyterLab's status bar say where notebooks are saved (labextension/@gilgamesh/status)."""
        settings = getattr(self.parent, "tornado_settings", None)
        if settings is not None:
            said = {
                "gilgameshDatabase": f"saved to {shown(self.engine)} as {self.user_id}",
                "gilgameshSaved": self.info_string(),
            }
            settings.setdefault("page_config_data", {}).update(said)

    def ensure_user(self) -> None:
        """Give the person a root."""
        try:
            with answered(f"the notebooks of {self.user_id}"), self.engine.begin() as connection:
                tree.greet(connection, self.user_id)
        except HTTPError:
            self.engine.dispose()
            raise

    def ensure_root_directory(self) -> None:
        """Done by `ensure_user`."""

    def info_string(self) -> str:
        """Where notebooks are saved, for the log and ``jupyter server list``."""
        return f"Notebooks are saved to the database {shown(self.engine)}, as {self.user_id}"

    # Looking

    @contextlib.contextmanager
    def _reading(self, path: str) -> Iterator[tuple[sa.Connection, Location]]:
        place = Location.of(path)
        with answered(place.path), self.engine.begin() as connection:
            yield connection, place

    @contextlib.contextmanager
    def _changing(self, path: str) -> Iterator[tuple[sa.Connection, Location]]:
        with self._reading(path) as (connection, place):
            tree.take_turns(connection, self.user_id)
            try:
                yield connection, place
            except errors.NoSuchFile as error:
                raise _nothing(str(error)) from error
            except errors.FileExists as error:
                raise HTTPError(409, f"File already exists: {error}") from error
            except errors.RenameRoot as error:
                raise HTTPError(400, str(error)) from error

    def _kind(self, path: str) -> str | None:
        with self._reading(path) as (connection, place):
            return tree.kind_of(connection, self.user_id, place)

    def _refuse_hidden(self, place: Location, code: int, doing: str) -> None:
        if place.is_hidden and not self.allow_hidden:
            if code == 404:
                raise _nothing(place.path)
            raise HTTPError(code, f"Cannot {doing} file or directory {place.path!r}")

    def dir_exists(self, path: str) -> bool:
        """Whether there is a folder."""
        return self._kind(path) == "directory"

    def file_exists(self, path: str) -> bool:
        """Whether there is a file."""
        return self._kind(path) == "file"

    def exists(self, path: str) -> bool:
        """Whether there is anything."""
        return self._kind(path) is not None

    def is_hidden(self, path: str) -> bool:
        """Whether a part of the path begins with a dot."""
        return Location.of(path).is_hidden

    def resolve_path(self, path: str) -> str | None:
        """The path, where there is something."""
        try:
            place = Location.of(path)
        except HTTPError:
            return None
        return place.path if self.exists(place.path) else None

    def get_kernel_path(self, path: str, model: Model | None = None) -> str:  # noqa: ARG002 - Jupyter's signature
        """Kernels work in the folder Jupyter was started in; folders of notebooks are no folders of the computer."""
        return ""

    def get(
        self,
        path: str,
        content: bool = True,
        type: str | None = None,  # noqa: A002 - Jupyter's name
        format: str | None = None,  # noqa: A002
        require_hash: bool = False,
    ) -> Model:
        """The model of a file or folder, with its content if asked for."""
        with self._reading(path) as (connection, place):
            self._refuse_hidden(place, 404, "show")
            folder = tree.describe_folder(connection, self.user_id, place)
            if folder is not None:
                if type not in {None, "directory"}:
                    raise HTTPError(400, f"{place.path} is a directory, not a {type}", reason="bad type")
                model = models.base_model(place, folder)
                if content:
                    model.update(format="json", content=self._listed(connection, place))
            else:
                model = self._file_model(connection, place, content, type, format, require_hash)
        self.emit(data={"action": "get", "path": place.path})
        return model

    def _listed(self, connection: sa.Connection, place: Location) -> list[Model]:
        return [
            models.base_model(place / row.name, row)
            for row in tree.entries(connection, self.user_id, place)
            if self.should_list(row.name) and (self.allow_hidden or not row.name.startswith("."))
        ]

    def _file_model(
        self,
        connection: sa.Connection,
        place: Location,
        content: bool,
        wanted: str | None,
        format_: str | None,
        require_hash: bool,
    ) -> Model:
        row, stored = document.stat(connection, self.user_id, place), None
        if row is None:
            raise _nothing(place.path)
        if wanted == "directory":
            raise HTTPError(400, f"{place.path} is not a directory", reason="bad type")
        found = None
        if content or (require_hash and row.sha256 is None):
            found = document.read(connection, self.user_id, place)
            if found is None:
                raise _nothing(place.path)
            row, stored = found
        model = models.base_model(place, row)
        model["size"] = row.size if stored is None else len(stored)
        model["type"] = (
            "notebook" if wanted == "notebook" or (wanted is None and model["type"] == "notebook") else "file"
        )
        if model["type"] == "file":
            model["mimetype"] = models.guess(place)
        if content and stored is not None:
            self._add_content(model, place, stored, format_)
        if require_hash:
            model.update(hash=row.sha256 or document.checksum(stored or b""), hash_algorithm=self.hash_algorithm)
        return model

    def _add_content(self, model: Model, place: Location, stored: bytes, format_: str | None) -> None:
        if model["type"] == "notebook":
            parsed, wrong = notebook.parse(place, stored)
            self._sign_or_trust(self.mark_trusted_cells, parsed, place)
            model.update(content=parsed, format="json")
            self.validate_notebook_model(model, wrong)
            return
        model["content"], model["format"] = models.decoded(place, stored, format_)
        if model["mimetype"] is None:
            model["mimetype"] = "text/plain" if model["format"] == "text" else "application/octet-stream"

    # Saving

    def save(self, model: Model, path: str = "") -> Model:
        """Save a notebook, file or folder; the model that comes back has no content."""
        place = Location.of(path)
        chunk = model.get("chunk")
        if chunk in {None, 1}:
            self.run_pre_save_hooks(model=model, path=place.path)
        self._refuse_bad(model, place)
        self._refuse_hidden(place, 400, "create")
        if chunk is not None:
            return self._save_piece(model, place, chunk)
        message = None
        if model["type"] == "notebook":
            message = self._save_notebook_at(model, place)
        elif model["type"] == "file":
            self._write(place, models.encoded(place, model["content"], model.get("format")))
        else:
            with self._changing(place.path) as (connection, _):
                if tree.kind_of(connection, self.user_id, place) == "file":
                    raise HTTPError(400, f"Not a directory: {place.path}")
                tree.make_folder(connection, self.user_id, place)
        return self._saved(place, model["type"], message)

    def _refuse_bad(self, model: Model, place: Location) -> None:
        if "type" not in model:
            raise HTTPError(400, "No file type provided")
        if model["type"] not in {"file", "notebook", "directory"}:
            raise HTTPError(400, f"Unhandled contents type: {model['type']}")
        if model.get("chunk") is not None and model["type"] != "file":
            raise HTTPError(400, f'File type "{model["type"]}" is not supported for large file transfer')
        if "content" not in model and model["type"] != "directory":
            raise HTTPError(400, "No file content provided")
        if place.is_root and model["type"] != "directory":
            raise HTTPError(400, "the root is a folder; give the file a name")

    def _saved(self, place: Location, type_: str, message: str | None = None) -> Model:
        saved = self.get(place.path, content=False, type=type_)
        if message:
            saved["message"] = message
        self.run_post_save_hooks(model=saved, os_path=place.path)
        self.emit(data={"action": "save", "path": place.path})
        return saved

    def _save_notebook_at(self, model: Model, place: Location) -> str | None:
        """Save a notebook in the version it has; return what is wrong with it."""
        made = notebook.notebook_of(model["content"])
        content, wrong = notebook.write(place, made)
        self._refuse_large(place, len(content))
        self._sign_or_trust(self.check_and_sign, made, place)
        self._write(place, content)
        if not self.checkpoints.list_checkpoints(place.path):
            self.create_checkpoint(place.path)  # Jupyter promises that a notebook has one
        self.validate_notebook_model(model, validation_error=wrong)
        return model.get("message")

    def _sign_or_trust(self, step: Callable[[Any, str], None], parsed: Any, place: Location) -> None:
        """Look at signatures where the notebook is whole enough to have one; what is wrong with it is told elsewhere."""
        try:
            step(parsed, place.path)
        except (KeyError, TypeError, AttributeError):
            self.log.warning("Notebook %s cannot be trusted, because it is not valid", place.path)

    def _write(self, place: Location, content: bytes) -> None:
        self._refuse_large(place, len(content))
        with self._changing(place.path) as (connection, _):
            if tree.kind_of(connection, self.user_id, place) == "directory":
                raise HTTPError(400, f"{place.path} is a directory, no file can be saved there")
            document.write(connection, self.user_id, place, content)

    def _refuse_large(self, place: Location, size: int) -> None:
        if self.max_file_size_bytes and size > self.max_file_size_bytes:
            raise HTTPError(
                413,
                f"{place.path} has {size / 1e6:.1f} MB, more than the {self.max_file_size_bytes / 1e6:.1f} MB that are saved "
                "here; clear outputs you do not need, or keep data in files beside the notebook "
                "(c.GilgameshContentsManager.max_file_size_bytes sets the limit)",
            )

    def _save_piece(self, model: Model, place: Location, number: Any) -> Model:
        if not isinstance(number, int) or number < upload.LAST or number == 0:
            raise HTTPError(400, f"{number!r} is no number of a piece; they are 1, 2, … and -1 for the last")
        piece = models.encoded(place, model["content"], model.get("format"))
        with self._changing(place.path) as (connection, _):
            if tree.kind_of(connection, self.user_id, place) == "directory":
                raise HTTPError(400, f"{place.path} is a directory, no file can be saved there")
            if not place.parent.is_root and tree.kind_of(connection, self.user_id, place.parent) != "directory":
                raise _nothing(place.parent.path)
            size = upload.add_piece(connection, self.user_id, place, number, piece)
            fits = not self.max_file_size_bytes or size <= self.max_file_size_bytes
            if not fits:
                upload.forget(connection, self.user_id, place)
            elif number == upload.LAST:
                upload.put_together(connection, self.user_id, place, size)
        self._refuse_large(place, size)
        if number == upload.LAST:
            return self._saved(place, "file")
        return models.arriving(place, size)

    # Moving, copying, deleting

    def rename_file(self, old_path: str, new_path: str) -> None:
        """Give a file, or a folder with all it holds, another name or place; checkpoints follow."""
        new = Location.of(new_path)
        with self._changing(old_path) as (connection, old):
            if old == new:
                return
            for place in (old, new):
                self._refuse_hidden(place, 400, "rename")
            if tree.kind_of(connection, self.user_id, old) and not self._is_folder(connection, new.parent):
                raise _nothing(new.parent.path)
            tree.move(connection, self.user_id, old, new)

    def _is_folder(self, connection: sa.Connection, place: Location) -> bool:
        return tree.kind_of(connection, self.user_id, place) == "directory"

    def copy(self, from_path: str, to_path: str | None = None) -> Model:
        """Copy a file byte for byte, or a folder with all it holds."""
        old = Location.of(from_path)
        target = old.parent if to_path is None else Location.of(to_path)
        kind = self._kind(from_path)
        if kind is None or (old.is_hidden and not self.allow_hidden):
            raise _nothing(old.path)
        if old.is_root:
            raise HTTPError(400, "Can't copy the root")
        if self.dir_exists(target.path):
            new = target / self.increment_filename(copy_pat.sub(".", old.name), target.path, insert="-Copy")
        elif kind == "directory":
            new = target / old.name
        else:
            new = target
        new = Location.of(new.path)
        self._refuse_hidden(new, 400, "create")
        with self._changing(from_path) as (connection, _):
            if kind == "directory":
                self._copy_folder(connection, old, new)
            elif not self._is_folder(connection, new.parent):
                raise HTTPError(404, f"No such parent directory: {new.parent.path} to copy file in")
            elif not document.copy(connection, self.user_id, old, new):
                raise _nothing(old.path)
        model = self.get(new.path, content=False)
        self.run_post_save_hooks(model=model, os_path=new.path)
        self.emit(data={"action": "copy", "path": new.path, "source_path": old.path})
        return model

    def _copy_folder(self, connection: sa.Connection, old: Location, new: Location) -> None:
        size = tree.size_below(connection, self.user_id, old)
        if size > self.max_copy_folder_size_mb * 1024 * 1024:
            raise HTTPError(
                400,
                f"Can't copy folders larger than {self.max_copy_folder_size_mb} MB, {old.path} has {size / 1e6:.0f} MB",
            )
        tree.copy_folder(connection, self.user_id, old, new)

    def delete_file(self, path: str) -> None:
        """Move a file or folder to the trash; what is in the trash, and without trash everything, goes for good."""
        with self._changing(path) as (connection, place):
            if place.is_root:
                raise HTTPError(400, "Can't delete root")
            self._refuse_hidden(place, 400, "delete")
            kind = tree.kind_of(connection, self.user_id, place)
            if kind is None:
                raise _nothing(place.path)
            if place in tree.TRASH:
                tree.remove(connection, self.user_id, place)
            elif self.delete_to_trash:
                tree.throw_away(connection, self.user_id, place, self.trash_days)
            elif kind == "directory" and not self.always_delete_dir and tree.is_filled(connection, self.user_id, place):
                raise HTTPError(400, f"Directory {place.path} not empty")
            else:
                tree.remove(connection, self.user_id, place)


def _nothing(path: str) -> HTTPError:
    return HTTPError(404, f"file or directory does not exist: {path!r}")

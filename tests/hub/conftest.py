"""Contents managers on a database of one's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.web import HTTPError

from hub_files import manager_of


@pytest.fixture(autouse=True)
def jupyter_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Jupyter keeps in a home (signatures of notebooks, settings) is of this test only."""
    folder = tmp_path_factory.mktemp("jupyter")
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(folder / name.lower()))


@pytest.fixture
def manager(server18: Any, tmp_path: Path) -> Iterator[Any]:
    """A contents manager of the owner of an empty database."""
    with server18.database(server18.template()) as url:
        made = manager_of(url, tmp_path)
        yield made
        made.engine.dispose()


@pytest.fixture
def refused() -> Any:
    """``with refused(404): …``: what is inside must be answered with this code, and with these words."""

    @contextlib.contextmanager
    def expect(code: int, letter: str = "") -> Iterator[None]:
        with pytest.raises(HTTPError) as caught:
            yield
        assert caught.value.status_code == code, caught.value
        assert letter in (caught.value.log_message or "")

    return expect

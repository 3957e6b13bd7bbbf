"""JupyterLab on notebooks in the database, as somebody uses it with mouse and keyboard."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbformat import v4

from hub_files import TOKEN, Jupyter, jupyter

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


@pytest.fixture(scope="module")
def lab(server18: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A JupyterLab on an empty database, started once."""
    with (
        server18.database(server18.template()) as url,
        jupyter(url, tmp_path_factory.mktemp("lab")) as running,
    ):
        yield running


def opened(page: Any, lab: Jupyter, folder: str) -> None:
    """Open a new notebook in a new folder, and wait until its kernel is ready."""
    made = v4.new_notebook(cells=[v4.new_code_cell("")], metadata=KERNEL)
    assert lab.contents("PUT", folder, {"type": "directory"}).code == 201
    assert lab.contents("PUT", f"{folder}/n.ipynb", {"type": "notebook", "content": made}).code == 201
    page.goto(f"{lab.url}/lab/tree/{folder}/n.ipynb?token={TOKEN}&reset")
    page.locator(".jp-Notebook .jp-Cell .cm-content").first.wait_for()


def saved(page: Any) -> None:
    """Save with the keyboard, and wait until the checkpoint is made too: until then JupyterLab saves no second time."""
    with (
        page.expect_response(
            lambda answer: answer.request.method == "POST" and "/checkpoints" in answer.url
        ) as checkpoint,
        page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url) as put,
    ):
        page.keyboard.press("Control+s")
    assert (put.value.status, checkpoint.value.status) == (200, 201)
    page.wait_for_timeout(200)


def sources(lab: Jupyter, path: str) -> list[str]:
    return [cell["source"] for cell in lab.contents("GET", path).json["content"]["cells"]]


def test_notebook_7(page: Any, server18: Any, tmp_path: Path) -> None:
    import notebook

    # Its own part of the page is not in the package, but where pip put it.
    share = Path(notebook.__file__).parents[4] / "share" / "jupyter"
    with (
        server18.database(server18.template()) as url,
        jupyter(url, tmp_path, "--classic", JUPYTER_PATH=str(share)) as running,
    ):
        made = v4.new_notebook(cells=[v4.new_code_cell("probe = 1")], metadata=KERNEL)
        running.contents("PUT", "sweeps", {"type": "directory"})
        running.contents("PUT", "sweeps/n.ipynb", {"type": "notebook", "content": made})
        page.goto(f"{running.url}/tree/sweeps?token={TOKEN}")
        page.locator(".jp-DirListing-item").get_by_text("n.ipynb").wait_for()
        page.wait_for_timeout(500)
        assert page.locator(".jp-Dialog").count() == 0
        page.goto(f"{running.url}/notebooks/sweeps/n.ipynb")
        page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
        page.keyboard.press("Control+End")
        page.keyboard.type(" + 1")
        with page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url):
            page.keyboard.press("Control+s")
        assert sources(running, "sweeps/n.ipynb") == ["probe = 1 + 1"]


def test_four_saves_and_no_false_question(page: Any, lab: Jupyter) -> None:
    opened(page, lab, "sweeps")
    page.get_by_text(re.compile(r"\| Idle")).wait_for()
    page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    page.keyboard.type("import gilgamesh_db as gilgamesh; gilgamesh.connect()")
    page.keyboard.press("Shift+Enter")
    assert "<Database postgresql" in page.locator(".jp-OutputArea-output").first.inner_text()
    for turn in range(4):
        page.keyboard.type(f"x{turn} = {turn}; ")
        saved(page)
        assert page.locator(".jp-Dialog").count() == 0
    assert sources(lab, "sweeps/n.ipynb")[1] == "x0 = 0; x1 = 1; x2 = 2; x3 = 3; "
    assert len(lab("GET", "api/contents/sweeps/n.ipynb/checkpoints").json) == 5
    # The status bar says where they are saved, and nobody asks for news.
    assert "as postgres" in page.locator(".jp-StatusBar-Widget").inner_text()
    assert page.locator(".Toastify__toast").count() == 0
    # Now somebody else saves the same notebook, and there is a question.
    lab.contents(
        "PUT",
        "sweeps/n.ipynb",
        {"type": "notebook", "content": v4.new_notebook(cells=[v4.new_markdown_cell("theirs")])},
    )
    page.keyboard.type("mine")
    page.keyboard.press("Control+s")
    dialog = page.locator(".jp-Dialog")
    dialog.wait_for()
    assert "changed" in dialog.inner_text()
    dialog.get_by_role("button", name="Revert").click()
    page.get_by_text("theirs").first.wait_for()
    assert sources(lab, "sweeps/n.ipynb") == ["theirs"]


def test_a_file_is_uploaded_and_a_folder_renamed(page: Any, lab: Jupyter, tmp_path: Path) -> None:
    large = tmp_path / "shot 1234.bin"
    large.write_bytes(os.urandom(5_242_880))
    opened(page, lab, "probe")
    with page.expect_file_chooser() as chooser:
        page.locator('[data-jp-item-name="uploader"] jp-button').first.click()
    chooser.value.set_files(large)
    page.locator('.jp-DirListing-item[title*="shot 1234.bin"]').wait_for()
    found = lab.contents("GET", "probe/shot 1234.bin", format="base64", type="file")
    assert base64.b64decode(found.json["content"]) == large.read_bytes()
    page.locator(".jp-BreadCrumbs-home").click()
    item = page.locator('.jp-DirListing-item[data-isdir="true"][title^="Name: probe"]')
    item.wait_for()
    item.click()
    page.keyboard.press("F2")
    page.locator(".jp-DirListing-editor").fill("langmuir å")
    page.keyboard.press("Enter")
    page.locator('.jp-DirListing-item[data-isdir="true"][title^="Name: langmuir å"]').wait_for()
    assert lab.contents("GET", "probe").code == 404
    names = {entry["name"] for entry in lab.contents("GET", "langmuir å").json["content"]}
    assert names == {"n.ipynb", "shot 1234.bin"}
    assert page.locator(".jp-Dialog").count() == 0
    # The notebook that was open went along, and is saved where it is now.
    page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    page.keyboard.type("y = 1")
    saved(page)
    assert sources(lab, "langmuir å/n.ipynb") == ["y = 1"]

"""The notebooks run from top to bottom, and those committed hold what they showed: images, no errors, no machine."""

import ast
import importlib
import re
from pathlib import Path

import nbformat
import pytest
from conftest import PROJECT
from nbclient import NotebookClient

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
OF_A_MACHINE = re.compile(r"(?<![\w<])/(home|root|tmp|work|Users|private|usr|opt|mnt|var)/|[A-Z]:\\\\|site-packages")


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def images(notebook: nbformat.NotebookNode) -> list[int]:
    """How many images each cell shows."""
    return [sum("image/png" in o.get("data", {}) for o in cell.get("outputs", [])) for cell in notebook.cells]


def check_clean(notebook: nbformat.NotebookNode) -> None:
    """No error, nothing on stderr, no path of the machine that ran it, every cell run once, in order."""
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert not [output for output in outputs(notebook) if output.get("name") == "stderr"]
    told = [output.get("text", "") for output in outputs(notebook)]
    told += [text for o in outputs(notebook) for kind, text in o.get("data", {}).items() if kind.startswith("text/")]
    assert not [text for text in told if OF_A_MACHINE.search(text)]
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_the_four_lessons_are_there() -> None:
    lessons = ["from_fc_to_conv", "read_a_sweep", "strides_side_by_side", "your_data_and_backbone"]
    assert [path.stem for path in NOTEBOOKS] == lessons


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_keeps_its_images_and_is_small(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    check_clean(notebook)
    assert sum(images(notebook)) >= 3
    assert path.stat().st_size < 700 * 1024


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_imports_is_there(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [ast.parse(cell.source) for cell in notebook.cells if cell.cell_type == "code" and "%%" not in cell.source]
    for node in (node for tree in code for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)):
        if str(node.module).startswith("fcnlab"):
            module = importlib.import_module(str(node.module))
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom_in_an_empty_folder(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    shown = images(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=place, record_timing=False).execute()
    check_clean(notebook)
    assert images(notebook) == shown

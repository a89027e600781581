#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Executes a notebook in a scratch folder: with nbclient where it is installed, else cell by cell in this process, the value of each
cell's last line drawn as a notebook would. A cell that fails, or a drawing that does, is an error.
usage: run_notebook.py WHET NOTEBOOK.ipynb"""
import ast
import json
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def by_nbclient(path, folder):
    import nbclient
    import nbformat
    book = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": folder}}).execute()
    return sum(1 for c in book.cells if c.cell_type == "code"), sum(1 for c in book.cells for o in c.get("outputs", []) if "text/html" in o.get("data", {}))


def by_hand(path):
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    names, drawn = {"__name__": "__main__"}, 0
    for number, cell in enumerate(cells, 1):
        tree = ast.parse("".join(cell["source"]), f"cell {number}")
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"cell {number}", "exec"), names)
        value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names) if last is not None else None
        if hasattr(value, "_repr_html_"):
            assert "<" in value._repr_html_(), f"cell {number} draws nothing"
            drawn += 1
        elif value is not None:
            print(f"[{number}]", value)
    return len(cells), drawn


def main():
    whet, path = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory(prefix="whet-notebook-") as folder:
        os.chdir(folder)
        os.environ.update({"WHET_PROGRAM": whet, "WHET_STORE": os.path.join(folder, "own.sqlite"),
                           "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), os.environ.get("PYTHONPATH", "")])})
        sys.path.insert(0, str(ROOT / "python"))
        try:
            import nbclient  # noqa: F401
            import nbformat  # noqa: F401
            cells, drawn = by_nbclient(path, folder)
        except ImportError:
            cells, drawn = by_hand(path)
        os.chdir("/")
    assert drawn > 0, "no cell draws a result"
    print(f"{path.name}: {cells} cells executed, {drawn} results drawn\n{cells} passed, 0 failed")


if __name__ == "__main__":
    main()

"""Writes the map of files in docs/architecture.md: how each module and script begins.

python bench/file_map.py            write it (`make map`)
python bench/file_map.py --check    write nothing; exit with 1 if the page is out of date
"""

from __future__ import annotations

import argparse
import ast
import re
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/saddlepoint"
PAGE = ROOT / "docs/architecture.md"
MARKERS = re.compile(r"(<!-- begin:map -->\n).*?(<!-- end:map -->)", re.DOTALL)
COLUMN = 36
"""Where the descriptions begin."""
WITHOUT_DOCSTRING = {
    ".css": "how a page looks",
    ".html": "the frame of a page",
    ".npz": "an embedded data set",
    ".txt": "where it is from, and its licence",
    ".typed": "tells type checkers that the package carries its types",
}


def summary(file: Path) -> str:
    """What a file is for: the first sentence of its docstring, or of a script's first comment.

    Raises:
        SystemExit: a module or script without one.
    """
    if file.suffix == ".py":
        text = ast.get_docstring(ast.parse(file.read_text()))
    elif file.suffix == ".js":
        text = first_comment(file.read_text())
    else:
        return WITHOUT_DOCSTRING.get(file.suffix, "")
    if not text:
        raise SystemExit(f"{file}: say in its first line what it is for.")
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"[.;] ", paragraph)[0].removesuffix(".")


def first_comment(script: str) -> str:
    lines = takewhile(lambda line: line.startswith("//"), script.splitlines())
    return " ".join(line.removeprefix("//").strip() for line in lines)


def tree(folder: Path, depth: int = 1) -> list[str]:
    """A line for each file, then each folder with what is in it."""
    lines = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.name == "__pycache__" or (path.name == "__init__.py" and depth > 1):
            continue  # a folder's line is its __init__.py's
        about = path / "__init__.py" if path.is_dir() else path
        name = "  " * depth + path.name + "/" * path.is_dir()
        text = summary(about) if about.is_file() else ""
        lines.append(f"{name.ljust(COLUMN - 2)}  {text}".rstrip())
        if path.is_dir():
            lines += tree(path, depth + 1)
    return lines


def filled(page: str) -> str:
    """The page with today's map between its markers."""
    block = "\n".join(["```", "src/saddlepoint/", *tree(PACKAGE), "```", ""])
    page, n = MARKERS.subn(lambda found: found[1] + block + found[2], page)
    if n != 1:
        raise SystemExit(f"{PAGE} must have the two markers of the map once.")
    return page


def main() -> int:
    parser = argparse.ArgumentParser(description="The map of files in docs/architecture.md.")
    parser.add_argument("--check", action="store_true", help="compare only")
    old = PAGE.read_text()
    new = filled(old)
    if not parser.parse_args().check:
        PAGE.write_text(new)
    return int(parser.parse_args().check and old != new)


if __name__ == "__main__":
    raise SystemExit(main())

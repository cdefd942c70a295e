"""Lines of code by folder: without blank lines, docstrings and comments.

python bench/count_lines.py            src/saddlepoint, a row a folder
python bench/count_lines.py --files    a row a file of more than 250 lines, too
"""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src/saddlepoint"
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def count(text: str) -> tuple[int, int]:
    """Lines of code and comment lines of one module."""
    strings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        # A string that stands alone is a docstring: of a module, class, function or field.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            strings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    code: set[int] = set()
    comments = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        comments += token.type == tokenize.COMMENT
        if token.type not in LAYOUT:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - strings), comments


def main() -> None:
    parser = argparse.ArgumentParser(description="Lines of code by folder.")
    parser.add_argument("--files", action="store_true", help="name the files over 250 lines")
    parser.add_argument("root", nargs="?", type=Path, default=SOURCE)
    given = parser.parse_args()
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    comments: Counter[str] = Counter()
    for path in sorted(given.root.rglob("*.py")):
        text = path.read_text()
        parent = path.parent.relative_to(given.root)
        folder = path.name if parent == Path() else str(parent)
        found = count(text)
        files[folder] += 1
        lines[folder] += found[0]
        comments[folder] += found[1]
        length = len(text.splitlines())
        if given.files and length > 250:
            print(f"{path.relative_to(given.root)}: {length} lines, {found[0]} of code")
    print("| folder | files | lines of code | comment lines |\n|---|--:|--:|--:|")
    for folder in lines:
        print(f"| {folder} | {files[folder]} | {lines[folder]:,} | {comments[folder]} |")
    print(f"| all | {files.total()} | {lines.total():,} | {comments.total()} |")


if __name__ == "__main__":
    main()

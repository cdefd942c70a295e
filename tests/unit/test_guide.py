"""docs/lecture and docs/vi: the same course in two languages; docs/howto; commands that exist."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from torch.distributed.run import get_args_parser

from saddlepoint.cli import flags, lab
from saddlepoint.cli.main import main
from saddlepoint.core import registry
from saddlepoint.core.texts import Language
from saddlepoint.lab.claims import in_order
from saddlepoint.lab.failures import FAILURES
from saddlepoint.lab.folders import chosen
from saddlepoint.lab.lecture import FASHION

ROOT = Path(__file__).parents[2]
FOLDERS: dict[Language, Path] = {"en": ROOT / "docs/lecture", "vi": ROOT / "docs/vi"}
CHAPTERS = sorted(file.name for file in FOLDERS["en"].glob("*.md"))
HOW_TO = sorted((ROOT / "docs/howto").glob("*.md"))
NOTEBOOKS = sorted((FOLDERS["en"] / "notebooks").glob("*.ipynb"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARKER = re.compile(r"<!-- claim ([a-z-]+) -->\n.*?\n<!-- end -->", re.DOTALL)


def text(language: Language, chapter: str) -> str:
    return (FOLDERS[language] / chapter).read_text(encoding="utf-8")


def code(page: str, kind: str) -> list[str]:
    return [body for found, body in FENCE.findall(page) if found == kind]


@cache
def commands() -> list[str]:
    pages = [text("en", chapter) for chapter in CHAPTERS]
    others = [ROOT / "README.vi.md", *HOW_TO]
    pages += [page.read_text(encoding="utf-8") for page in others]
    blocks = [block.replace("\\\n", " ") for page in pages for block in code(page, "sh")]
    lines = [line for block in blocks for line in block.splitlines()]
    found = {line.partition("  #")[0].strip().replace("$seed", "0") for line in lines}
    # With a file of the reader's: `test_a_loss_of_ones_own_is_trained_with`.
    return sorted(line for line in found if line and "--plugins" not in line)


def test_there_are_an_index_and_eight_chapters() -> None:
    assert len(CHAPTERS) == 9
    assert sorted(file.name for file in FOLDERS["vi"].glob("*.md")) == CHAPTERS
    assert len(NOTEBOOKS) == 3


def inline(page: str) -> set[str]:
    """The formulas in a page's sentences, wherever their lines are broken."""
    sentences = re.sub(r"\$\$.*?\$\$", "", page, flags=re.DOTALL)
    return {" ".join(found.split()) for found in re.findall(r"\$([^$]+)\$", sentences)}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_and_its_twin_have_the_same_claims_commands_and_formulas(chapter: str) -> None:
    english, vietnamese = text("en", chapter), text("vi", chapter)
    assert FENCE.findall(english) == FENCE.findall(vietnamese)
    assert MARKER.findall(english) == MARKER.findall(vietnamese)
    formulas = re.compile(r"\$\$.*?\$\$", re.DOTALL)
    assert formulas.findall(english) == formulas.findall(vietnamese)
    for ordered in (r"(?m)^#+", r"(?m)^\*\*\d\.\d\*\*"):
        assert re.findall(ordered, english) == re.findall(ordered, vietnamese)
    names = re.compile(r"`[^`\n]+`")
    assert set(names.findall(english)) == set(names.findall(vietnamese))
    assert inline(english) == inline(vietnamese)
    assert english.count("<details>") == vietnamese.count("<details>")
    assert english.count("</details>") == english.count("<details>")


def test_every_claim_is_in_one_chapter_with_its_sentence_in_both_languages() -> None:
    for language in FOLDERS:
        pages = {chapter: text(language, chapter) for chapter in CHAPTERS}
        names = [name for page in pages.values() for name in MARKER.findall(page)]
        assert sorted(names) == sorted(in_order())
        whole = "".join(pages.values())
        for name in names:
            claim = registry.get("claim", name)
            for said in (claim.sentence, claim.varied, claim.held):
                assert said.to(language) in whole, name


def on_digits(argv: list[str]) -> list[str]:
    """The words with data that are here: the guide's photographs are the reader's own, stores are
    elsewhere, and Fashion-MNIST may be absent."""
    place = argv.index("--data") + 1 if "--data" in argv else 0
    data, words = argv[place], ["digits" if w == "fashion-mnist" else w for w in argv]
    kinds = {"hf": data.startswith("hf:"), "shards": "://" in data or data == "shards64"}
    kinds["prepared"] = data == "photos64"
    for kind in (kind for kind, fits in kinds.items() if fits):
        words[place] = "digits"
        fields = {field.name for field in dataclasses.fields(registry.get("source", kind))}
        for flag in [word for word in words if word.startswith("--source.")]:
            assert flag.removeprefix("--source.").replace("-", "_") in fields, flag
            del words[words.index(flag) : words.index(flag) + 2]
    return words


@pytest.mark.parametrize("line", commands())
def test_a_command_of_the_guide_parses(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(line)
    if words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
        return
    if words[0] == "python":
        script = (ROOT / words[1]).read_text()
        assert all(word in script for word in words[2:])
        return
    if words[0] in ("pip", "git", "cd", "for", "done"):
        return
    if words[0] == "torchrun":
        read = get_args_parser().parse_args(words[1:])
        assert (read.module, read.training_script) == (True, "saddlepoint")
        words = ["saddle", *read.training_script_args]
    assert words[0] == "saddle"
    known = {"claims": in_order(), "failures": list(FAILURES), "lecture": FASHION.presets}

    def only_parsed(function: Any, prog: str, argv: list[str]) -> None:
        flags.check_flags(prog, argv, list(inspect.signature(function).parameters))
        _, given = flags.in_a_sentence(flags.recorder(function), prog=prog, args=argv)
        if "only" in given:
            chosen(given["only"], known[prog.split()[-1]], "name")

    monkeypatch.setattr(flags, "parse", only_parsed)
    monkeypatch.setattr(lab, "parse", only_parsed)
    argv = words[1:]
    if argv[0] in ("train", "sweep"):
        argv = on_digits(argv)
        argv += [] if "--dry-run" in argv else ["--dry-run"]
    assert main(argv) == 0


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_code_of_a_chapter_runs(chapter: str) -> None:
    for block in code(text("en", chapter), "python"):
        exec(compile(block, chapter, "exec"), {})


@pytest.mark.parametrize("page", HOW_TO, ids=lambda path: path.stem)
def test_the_code_of_a_how_to_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {"__name__": page.stem}
    blocks = code(page.read_text(encoding="utf-8"), "python")
    # What is registered here would be in every test that comes after.
    for block in blocks if page.stem != "own-loss" else []:
        exec(compile(block, page.name, "exec"), scope)


def test_a_loss_of_ones_own_is_trained_with(tmp_path: Path) -> None:
    page = (ROOT / "docs/howto/own-loss.md").read_text(encoding="utf-8")
    (written,) = code(page, "python")
    (tmp_path / "mine.py").write_text(written, encoding="utf-8")
    (line,) = re.findall("^saddle (train .*--loss.temperature.*)$", page, re.MULTILINE)
    command = [sys.executable, "-m", "saddlepoint", *shlex.split(line), "--dry-run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["loss"] == {"kind": "tempered", "temperature": 4.0}


PAGES = [
    *(f"docs/lecture/{c}" for c in CHAPTERS),
    *(f"docs/vi/{c}" for c in CHAPTERS),
    *(f"docs/howto/{page.name}" for page in HOW_TO),
    "README.vi.md",
]


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    # `make docs` refuses one that is not; here it is told at once.
    listed = re.findall(r"[\w/.-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert pages <= set(listed)
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_the_guide_leads_somewhere(page: str) -> None:
    file = ROOT / page
    for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        linked = file.parent / path if path else file
        assert linked.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            # As GitHub makes them: letters, digits and hyphens.
            made = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in made, target


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_a_tiny_budget(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(notebook.read_text(encoding="utf-8"))
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIMG", "1")
    scope: dict[str, Any] = {}
    for number, cell in enumerate(document["cells"]):
        assert set(cell) >= {"cell_type", "id", "metadata", "source"}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            exec(compile("".join(cell["source"]), f"{notebook.name}[{number}]", "exec"), scope)

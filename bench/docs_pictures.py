"""The guide's pictures, verdicts and numbers, from a finished folder of `saddle lab claims`.

    python bench/docs_pictures.py            # runs what runs/lab-claims lacks, then fills the guide
    python bench/docs_pictures.py --lab DIR  # fills it from DIR, and runs nothing

Between `<!-- claim NAME -->` and `<!-- end -->` of every chapter it writes what was measured, in
the chapter's language, and between `<!-- verdicts -->` and `<!-- end -->` of the overview all
verdicts in a table. Claims that DIR lacks keep what stands there. Above the marker it keeps the
claim's sentence, what is varied and what is held equal as they are in the claim's own file.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from saddlepoint.core import registry
from saddlepoint.core.errors import RunFailed
from saddlepoint.core.json_files import read_json
from saddlepoint.core.texts import LANGUAGES, Language
from saddlepoint.evaluation.verdicts import judge
from saddlepoint.lab.claims import claims, in_order
from saddlepoint.reporting.claims import number_of, rule
from saddlepoint.reporting.picture_png import write_sheet
from saddlepoint.reporting.pictures import Photo
from saddlepoint.reporting.strings import words_in

DOCS = Path(__file__).parents[1] / "docs"
LAB = Path("runs/lab-claims")
CHAPTERS: dict[Language, str] = {"en": "lecture", "vi": "vi"}
BLOCK = re.compile(r"<!-- claim ([a-z-]+) -->\n.*?<!-- end -->", re.DOTALL)
TABLE = re.compile(r"<!-- verdicts -->\n.*?<!-- end -->", re.DOTALL)
HEAD = re.compile(r"### `([a-z-]+)`\n\n> .*\n\n\*\*.*\n")
COLOURS = 128
"""Of a picture's palette: a third of the bytes, and the eye sees no difference in a chart."""


class Measured:
    """A claim with the numbers of all its seeds, and the command that gives them again."""

    def __init__(self, lab: Path, name: str, files: Sequence[Path]) -> None:
        kept = [read_json(file, dict[str, Any]) for file in files]
        # JSON knows no tuples, and a claim's settings have no lists.
        settings = {
            field: tuple(value) if isinstance(value, list) else value
            for field, value in kept[0]["settings"].items()
        }
        self.lab, self.name = lab, name
        self.claim = registry.get("claim", name)(**settings)
        self.numbers = [entry["numbers"] for entry in kept]
        shown = self.claim.pictures(self.numbers)
        self.films = [p for p in shown if isinstance(p, Photo) and p.file.endswith(".gif")]
        self.still = [picture for picture in shown if picture not in self.films]
        self.verdict = judge(self.claim.questions(self.numbers))
        self.data = kept[0]["data"]
        self.seeds = ", ".join(str(entry["seed"]) for entry in kept)
        self.seconds = sum(entry["seconds"] for entry in kept)
        asked = read_json(lab / "lab.json", dict[str, Any])
        command = ["saddle", "lab", "claims", "--only", name, "--seeds", self.seeds]
        command[-1] = self.seeds.replace(" ", "")
        command += ["--minutes", f"{asked['minutes']:g}"]
        # As `saddle lab claims` does: a data set that it chose itself is not named.
        command += ["--data", asked["data"]] if asked["data"] and self.data else []
        self.command = shlex.join(command)

    def picture(self, docs: Path, language: Language) -> Path:
        """Draw the claim in one language; returns the file."""
        folder = docs / "images" / "claims"
        file = (folder if language == "en" else folder / language) / f"{self.name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_sheet(self.still, self.lab, language, file)
        with Image.open(file) as sheet:
            small = sheet.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(file, optimize=True)
        return file

    def film(self, photo: Photo, docs: Path, language: Language) -> str:
        """A film as Markdown; its file is the same in both languages."""
        file = docs / "images" / "claims" / f"{self.name}-{Path(photo.file).name}"
        shutil.copyfile(self.lab / photo.file, file)
        return f"![{photo.title.to(language)}](../{file.relative_to(docs).as_posix()})"

    def block(self, docs: Path, language: Language) -> str:
        """What the chapter says between its markers."""
        words = words_in(language)
        picture = self.picture(docs, language).relative_to(docs).as_posix()
        heads = [words(f"claims.{key}") for key in ("measured", "number", "rule", "verdict")]
        head = f"| {' | '.join(heads)} |"
        rows = [
            f"| {answer.question.asks.to(language)} | {number_of(answer, words)} "
            f"| {rule(answer.question, words)} | {words(f'claims.outcome-{answer.outcome}')} |"
            for answer in self.verdict.answers
        ]
        meaning = f"**{words('claims.reads')}.** {self.claim.meaning.to(language)}"
        data = self.data or words("claims.no-data")
        facts = f"{words('claims.seeds')}: {self.seeds} · {words('claims.data')}: {data}"
        facts += f" · {words('claims.seconds')}: {self.seconds:.0f} · `{self.command}`"
        films = " ".join(self.film(photo, docs, language) for photo in self.films)
        lines = [f"![{self.name}](../{picture})", "", *([films, ""] if films else [])]
        lines += [
            f"**{words('claims.verdict')}: {words(f'claims.outcome-{self.verdict.outcome}')}.**",
            "",
        ]
        return "\n".join([*lines, head, "|---|---|---|---|", *rows, "", meaning, "", facts])


def fill(lab: Path, docs: Path) -> list[str]:
    """Draw the pictures and fill the chapters from a folder of claims; returns the claims found."""
    seeds = {name: lab.glob(f"{name}/seed-*.json") for name in in_order()}
    # By number: seed-10 comes after seed-9.
    files = {name: sorted(found, key=lambda f: int(f.stem[5:])) for name, found in seeds.items()}
    measured = {name: Measured(lab, name, found) for name, found in files.items() if found}
    for language in LANGUAGES:
        blocks = {name: claim.block(docs, language) for name, claim in measured.items()}

        def filled(match: re.Match[str], blocks: dict[str, str] = blocks) -> str:
            name = match[1]
            if name not in blocks:
                return match[0]
            return f"<!-- claim {name} -->\n\n{blocks[name]}\n\n<!-- end -->"

        def headed(match: re.Match[str], language: Language = language) -> str:
            return head(match[1], language)

        places: dict[str, str] = {}
        for chapter in sorted((docs / CHAPTERS[language]).glob("*.md")):
            text = HEAD.sub(headed, chapter.read_text(encoding="utf-8"))
            places |= {name: f"{chapter.name}#{name}" for name in BLOCK.findall(text)}
            chapter.write_text(BLOCK.sub(filled, text), encoding="utf-8")
        overview = docs / CHAPTERS[language] / "README.md"
        if len(measured) == len(in_order()):  # a table of some would look like one of all
            rows = f"<!-- verdicts -->\n\n{verdicts(measured, places, language)}\n\n<!-- end -->"
            text = TABLE.sub(rows.replace("\\", r"\\"), overview.read_text(encoding="utf-8"))
            overview.write_text(text, encoding="utf-8")
    return list(measured)


def verdicts(measured: dict[str, Measured], places: dict[str, str], language: Language) -> str:
    """A row for each claim: its sentence, which leads to its place, and its verdict."""
    words = words_in(language)
    rows = [
        f"| [{claim.claim.sentence.to(language)}]({places[name]}) "
        f"| {words(f'claims.outcome-{claim.verdict.outcome}')} |"
        for name, claim in measured.items()
    ]
    heads = f"| {words('claims.claim')} | {words('claims.verdict')} |"
    return "\n".join([heads, "|---|---|", *rows])


def head(name: str, language: Language) -> str:
    """What a chapter says of a claim before its command."""
    claim, words = registry.get("claim", name), words_in(language)
    lines = [f"### `{name}`", "", f"> {claim.sentence.to(language)}", ""]
    varied, held = claim.varied.to(language), claim.held.to(language)
    both = f"**{words('claims.varied')}.** {varied} **{words('claims.held')}.** {held}"
    return "\n".join([*lines, both, ""])


def main() -> None:
    """Read the flags, and run the claims unless a folder is given."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lab", type=Path, help="a finished folder of `saddle lab claims`")
    given = parser.parse_args()
    if not given.lab:
        try:
            claims(out=LAB)
        except RunFailed as error:  # the others still go into the guide
            print(f"warning: {error}", file=sys.stderr)
    found = fill(given.lab or LAB, DOCS)
    print(f"{len(found)} of {len(in_order())} claims: {', '.join(found)}")


if __name__ == "__main__":
    main()

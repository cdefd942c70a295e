"""What every verb says about its flags, and that a number is written in plain digits."""

from __future__ import annotations

import re

import pytest

from saddlepoint.cli import main as commands

Captured = pytest.CaptureFixture[str]

VERBS = (
    *("train wgan-gp", "train cgan-paper", "sweep wgan", "resume", "sample", "project", "evaluate"),
    *("compare", "doctor", "report", "export", "studio", "data list", "data prepare", "presets"),
    *("lab list", "lab demo", "lab lecture", "lab failures", "lab claims"),
)
GIVEN = {
    **{verb: ["run"] for verb in ("resume", "doctor", "report", "evaluate", "compare")},
    "sample": ["run", "--out", "x.png"],
    "project": ["run", "x.png", "--out", "x"],
    "data prepare": ["folder", "--out", "set"],
}
"""What a verb cannot do without."""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")


def test_every_verb_is_looked_at() -> None:
    assert {verb.split()[0] for verb in VERBS} == set(commands.VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_in_words_and_numbers_in_plain_digits(verb: str, capsys: Captured) -> None:
    assert commands.main([*verb.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: saddle {verb} " in text
    for ugly in ("None", "(default: )", "PATH ["):
        assert ugly not in text, ugly
    rows = [line.strip("│ ").rstrip() for line in text.splitlines() if line.startswith("│")]
    flags = [row for row in rows if re.match("--[a-z]", row)]
    for row in flags:
        words = row.split("  ", 1)[-1].strip() if "  " in row else rows[rows.index(row) + 1]
        # One line of text each, which says what happens without the flag.
        assert re.search(r"\((default: .+|required)\)\.?$", words), row

    kinds = {"INT": "a whole number", "FLOAT": "a number"}
    found = re.findall(r"(--[a-z.\d-]+) \[*(INT|FLOAT)\b", text)
    # Not all of them in turn: parsing a whole configuration takes a while.
    for place, (flag, kind) in enumerate(list(dict.fromkeys(found))[:: 1 + len(found) // 12]):
        bad = ("1_000", "١٢", "nan", "inf", "0x10", "1e400", "")[place % 7]
        code = commands.main([*verb.split(), *GIVEN.get(verb, []), f"{flag}={bad}"])
        said = capsys.readouterr()
        assert (code, said.out) == (2, "")
        assert said.err.startswith(f"error: {flag} takes {kinds[kind]}"), said.err

"""What a terminal shows while a run trains: samples in half blocks, lines that fit, no codes in
pipes."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from saddlepoint import api
from saddlepoint.core.images import enlarge, grid, write_png
from saddlepoint.data.progress import progress_bars
from saddlepoint.training import monitor
from saddlepoint.training.preview import preview

SMALL = {"arch.generator_widths": (8,), "arch.discriminator_widths": (8,), "train.n_samples": 64}
OFTEN = {"train.tick_kimg": 0.1, "train.sample_kimg": 0.1}


def sheet(path: Path, size: int, n: int = 64) -> Path:
    """A grid whose image i has the grey level i."""
    levels = np.arange(n, dtype=np.uint8)[:, None, None, None]
    write_png(path, enlarge(grid(np.broadcast_to(levels, (n, size, size, 1)))))
    return path


def rows_of(segments: object) -> list[list[tuple[int, int]]]:
    """Lines of (upper, lower) grey levels, as a terminal of 24-bit colours gets them."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="truecolor", width=200)
    console.print(segments, end="")
    code = re.compile(r"\x1b\[38;2;(\d+);\d+;\d+;48;2;(\d+);\d+;\d+m(▀+)")
    return [
        [(int(up), int(low)) for up, low, run in code.findall(line) for _ in run]
        for line in out.getvalue().splitlines()
    ]


@pytest.mark.parametrize("size", [8, 28, 64])
def test_whole_images_from_the_top_left_fill_the_room(tmp_path: Path, size: int) -> None:
    picture = preview(sheet(tmp_path / "grid.png", size), size, columns=80, lines=17)
    lines = rows_of(picture)
    assert 0 < len(lines) <= 17
    assert {len(line) for line in lines} == {len(lines[0])}
    assert 60 <= len(lines[0]) <= 80
    # The middle of the first image is 0, of its right neighbour 1: nothing is mixed up.
    tile = len(lines[0]) * (size + 2) // (len(lines[0]) * max(1, round(size / 14)))
    middle = lines[tile // 4]
    assert middle[tile // 2][0] == 0
    assert middle[tile // 2 + tile][0] == 1


def test_a_plot_is_shown_whole_and_no_room_is_no_picture(tmp_path: Path) -> None:
    plot = tmp_path / "plot.png"
    write_png(plot, np.full((320, 320, 1), 9, np.uint8))
    lines = rows_of(preview(plot, None, columns=80, lines=10))
    assert (len(lines), len(lines[0])) == (10, 20)
    assert preview(sheet(tmp_path / "grid.png", 28), 28, columns=80, lines=3) is None


class Terminal(io.StringIO):
    """Stderr of a user's terminal, as rich sees it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, term: str = "xterm-256color", **how: bool
) -> str:
    """All that a run of 300 images writes to a terminal of 80 x 24."""
    for name, value in {"TERM": term, "COLUMNS": "80", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLORTERM", raising=False)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    changes = {**SMALL, **OFTEN}
    api.train("gan", "digits", kimg=0.3, out=tmp_path / "run", changes=changes, **how)
    return terminal.getvalue()


def test_a_terminal_with_colours_gets_the_newest_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(tmp_path, monkeypatch)
    assert "▀" in text
    assert "newest samples" in text
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert max(len(line) for line in plain.replace("\r", "\n").splitlines()) <= 80


@pytest.mark.parametrize(("term", "how"), [("xterm-256color", {"preview": False}), ("xterm", {})])
def test_no_picture_where_it_is_unwanted_or_would_have_no_shades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, term: str, how: dict[str, bool]
) -> None:
    text = shown(tmp_path, monkeypatch, term, **how)
    assert "▀" not in text
    assert "newest samples" in text


def test_a_pipe_gets_plain_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    api.train("gan", "digits", kimg=0.3, out=tmp_path / "run", changes={**SMALL, **OFTEN})
    text = capsys.readouterr().err
    assert "▀" not in text
    assert "\x1b" not in text
    assert "0.3 kimg" in text


def bars(long: str) -> None:
    with progress_bars() as progress:
        for done in range(3):
            progress(long, done, 2)
        progress(long, 60_000, 60_000)


def test_a_bar_fits_a_line_whatever_its_title(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bars("Features of " + 9 * "a-long-folder/")
    lines = (
        re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue()).replace("\r", "\n").split("\n")
    )
    assert max(len(line) for line in lines) <= 80
    assert any("60000/60000 left" in line for line in lines)


def test_a_pipe_hears_once_what_begins(capsys: pytest.CaptureFixture[str]) -> None:
    bars("Features of digits")
    assert capsys.readouterr().err == "Features of digits ...\n"


def test_a_picture_is_made_once_a_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = monitor.preview
    monkeypatch.setattr(monitor, "preview", lambda *a: made.append(a[0]) or real(*a))
    shown(tmp_path, monkeypatch)
    grids = sorted((tmp_path / "run/samples").glob("0*.png"))
    assert sorted(made) == grids[1:]  # the first one is drawn before the view begins


def test_a_finding_keeps_its_lines_and_loses_what_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    monitor.Monitor().say("doctor: a collapse\n  class = \x1b[31m7")
    assert capsys.readouterr().err == "doctor: a collapse\n  class = \\x1b[31m7\n"


def test_a_small_budget_is_counted_in_its_own_digits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api.train("gan", "digits", out=tmp_path / "run", kimg=0.3, changes=SMALL)
    # Of whole steps: 64 images more may be done than asked for.
    assert re.search(r"\n0\.3[0-9] of 0\.3 kimg  [0-9,]+ images/s  done", capsys.readouterr().err)

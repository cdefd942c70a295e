"""saddle lab claims: what holds of every claim, the rules of verdicts, and the page."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from saddlepoint.cli.main import main
from saddlepoint.core import registry
from saddlepoint.core.errors import RunFailed
from saddlepoint.core.texts import LANGUAGES, Language, Text
from saddlepoint.evaluation.verdicts import Question, interval, judge
from saddlepoint.lab.claims import in_order
from saddlepoint.lab.claims._base import Claim, Numbers, Work
from saddlepoint.lab.claims._line import Line, Normals, jensen_shannon
from saddlepoint.reporting.claims import number_of, rule
from saddlepoint.reporting.picture_png import HEIGHT, WIDTH, write_sheet
from saddlepoint.reporting.pictures import Chart, Curve, HeatMap, figure
from saddlepoint.reporting.strings import words_in
from saddlepoint.reporting.ticks import log_ticks, written

SAME = Text(en="word", vi="từ")


# -- verdicts --------------------------------------------------------------------------------


def question(*values: float | None, **more: Any) -> Question:
    return Question(asks=SAME, values=values, **{"seen": 1.0, "opposite": -1.0, **more})


@pytest.mark.parametrize(
    ("values", "more", "outcome"),
    [
        ((2.0, 2.1, 2.2), {}, "seen"),
        ((-2.0, -2.1, -2.2), {}, "opposite"),
        ((0.0, 0.1, -0.1), {}, "not-seen"),
        ((0.5, 1.5, 2.5), {}, "not-settled"),  # its mean alone would count as seen
        ((-5.0, 0.0, 5.0), {}, "not-settled"),
        ((-1.9, -1.0, -0.1), {}, "not-seen"),  # refuted, and perhaps the opposite
        ((2.0,), {}, "not-settled"),  # one seed has no interval
        ((2.0,), {"exact": True}, "seen"),
        ((2.0, None, 2.2), {}, "not-settled"),
        # Where smaller numbers speak for the claim, the same four.
        ((0.01, 0.02, 0.01), {"seen": 0.1, "opposite": 0.5}, "seen"),
        ((0.9, 0.91, 0.92), {"seen": 0.1, "opposite": 0.5}, "opposite"),
        ((0.3, 0.31, 0.32), {"seen": 0.1, "opposite": 0.5}, "not-seen"),
        ((0.05, 0.3, 0.1), {"seen": 0.1, "opposite": 0.5}, "not-settled"),
        # Without an opposite there are three.
        ((0.3, 0.31, 0.32), {"seen": 0.1, "opposite": None, "smaller": True}, "not-seen"),
        ((0.3, 0.31, 0.32), {"seen": 0.1, "opposite": None}, "seen"),
        ((2.0, 2.1, 2.0), {"seen": 1.5, "opposite": 1 / 1.5, "ratio": True}, "seen"),
        ((2.0, 2.1, 0.0), {"seen": 1.5, "opposite": 1 / 1.5, "ratio": True}, "not-settled"),
    ],
)
def test_a_question_is_judged_by_its_whole_interval(
    values: tuple[float, ...], more: dict[str, Any], outcome: str
) -> None:
    assert judge([question(*values, **more)]).outcome == outcome


def test_the_interval_is_students() -> None:
    value, low, high = interval(question(1.0, 2.0, 3.0))
    assert (value, low, high) == pytest.approx(
        (2, 2 - 2.92 / math.sqrt(3), 2 + 2.92 / math.sqrt(3))
    )
    value, low, high = interval(question(1.0, 4.0, ratio=True))
    assert low is not None
    assert high is not None
    assert value == pytest.approx(2)
    assert low * high == pytest.approx(4)


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ("ss", "seen"),
        ("oo", "opposite"),
        ("nn", "not-seen"),
        ("uu", "not-settled"),
        ("su", "not-settled"),
        ("sn", "not-seen"),
        ("so", "not-seen"),
        ("un", "not-seen"),
    ],
)
def test_a_claim_is_seen_when_all_of_it_is(parts: str, outcome: str) -> None:
    values = {"s": 2.0, "o": -2.0, "n": 0.0, "u": None}
    assert judge([question(*[values[p]] * 3) for p in parts]).outcome == outcome


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_rule_says_its_bounds(language: Language) -> None:
    words = words_in(language)
    for bound in map(words.number, ("0.1", "0.5")):
        assert bound in rule(question(1.0, seen=0.1, opposite=0.5), words)
    assert rule(question(1.0, opposite=None), words).endswith(words("claims.else-seen"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_there_is_no_number(language: Language) -> None:
    words = words_in(language)
    (failed,) = judge([question(1.0, None, 2.0, ratio=True)]).answers
    (negative,) = judge([question(1.0, -0.5, 2.0, ratio=True)]).answers
    (known,) = judge([question(1.0, -0.5, 2.5)]).answers
    assert number_of(failed, words) == words("claims.no-number")
    assert number_of(negative, words) == words("claims.no-ratio")
    assert number_of(known, words).startswith("1 [")


# -- mathematics -----------------------------------------------------------------------------


def test_densities_divergence_and_value_on_the_line() -> None:
    line = Line()
    assert line.integral(line.real) == pytest.approx(1, abs=1e-9)
    assert line.integral(line.fake) == pytest.approx(1, abs=1e-9)
    # Theorem 1 of Goodfellow et al.: the best D gives -2 log 2 + 2 JS, and a D of 1/2 -2 log 2.
    best = line.real / (line.real + line.fake)
    assert line.value(best) == pytest.approx(-2 * math.log(2) + 2 * jensen_shannon(line), abs=1e-6)
    assert line.value(torch.full_like(best, 0.5)) == pytest.approx(-2 * math.log(2), abs=1e-9)
    assert line.value(best) > line.value((best * 1.05).clamp(0.01, 0.99))


def test_js_of_separate_and_of_equal_densities() -> None:
    one, other = Normals((-4.0,), (0.2,)), Normals((4.0,), (0.2,))
    assert jensen_shannon(Line(one, other)) == pytest.approx(math.log(2), abs=1e-9)
    assert jensen_shannon(Line(one, one)) == pytest.approx(0, abs=1e-12)


# -- pictures --------------------------------------------------------------------------------


def test_ticks_of_a_logarithmic_axis() -> None:
    assert log_ticks(0.001, 100) == pytest.approx([0.001, 0.01, 0.1, 1, 10, 100])
    assert len(log_ticks(2, 30)) >= 3


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.001, "0.001"), (20000, "20,000"), (0.12345, "0.123")]
)
def test_numbers_are_written_short(value: float, text: str) -> None:
    assert written(value) == text


PICTURES = [
    Chart(
        title=SAME,
        x_label=SAME,
        y_label=SAME,
        reads=SAME,
        curves=[
            Curve(name=SAME, x=[1, 2, 3], y=[1, None, 3], low=[0.5, None, 2], high=[1.5, None, 4]),
            Curve(name="b", x=list(range(1, 51)), y=[2.0] * 50, low=[1.0] * 50, high=[3.0] * 50),
        ],
        log_x=True,
        log_y=True,
        rests=[(1.0, "one")],
    ),
    Chart(
        title=SAME,
        x_label=SAME,
        y_label=SAME,
        reads=SAME,
        curves=[
            Curve(name="a", x=[SAME, "q"], y=[1, 2], low=[0, 1], high=[2, 3], mark="bars"),
            Curve(name="b", x=[SAME, "q"], y=[None, -2], mark="bars"),
        ],
        rests=[(0.5, SAME)],
    ),
    Chart(
        title=SAME,
        x_label=SAME,
        y_label=SAME,
        reads=SAME,
        curves=[Curve(name="a", x=[0, 1], y=[5, 5], mark="points")],
        square=True,
    ),
    HeatMap(
        title=SAME,
        x_label=SAME,
        y_label=SAME,
        x=[0, 1, 2],
        y=["a", "b"],
        z=[[0, 1, 2], [3, 4, 5]],
        reads=SAME,
    ),
]


def test_a_relative_cache_folder_makes_nothing_where_the_user_is(tmp_path: Path) -> None:
    drawn = (
        "from pathlib import Path; from saddlepoint.reporting.picture_png import write_sheet;"
        "from saddlepoint.reporting.pictures import Photo; from PIL import Image;"
        "from saddlepoint.core.texts import Text; said = Text(en='Zeros', vi='Zeros');"
        "Image.new('L', (8, 8)).save('in.png');"
        "photo = Photo(title=said, file='in.png', reads=said);"
        "write_sheet([photo], Path(), 'en', Path('out.png'))"
    )
    surroundings = {**os.environ, "XDG_CACHE_HOME": "relative", "HOME": str(tmp_path / "home")}
    subprocess.run([sys.executable, "-c", drawn], cwd=tmp_path, env=surroundings, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"home", "in.png", "out.png"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_is_drawn_both_ways(tmp_path: Path, language: Language) -> None:
    file = write_sheet(PICTURES, tmp_path, language, tmp_path / "sheet.png")
    with Image.open(file) as sheet:
        assert sheet.size == (2 * WIDTH, 2 * HEIGHT)
        pixels = np.asarray(sheet.convert("RGB"))
    for row in range(2):
        for column in range(2):
            tile = pixels[row * HEIGHT : (row + 1) * HEIGHT, column * WIDTH : (column + 1) * WIDTH]
            assert len(np.unique(tile.reshape(-1, 3), axis=0)) > 20
    # A place that is left over is white.
    write_sheet(PICTURES[:3], tmp_path, language, tmp_path / "three.png")
    with Image.open(tmp_path / "three.png") as sheet:
        assert np.asarray(sheet.convert("L"))[HEIGHT + 80 :, WIDTH + 80 :].min() == 255
    for picture in PICTURES:
        drawing = figure(picture, language).to_dict()
        assert drawing["layout"]["xaxis"]["title"]["text"] == SAME.to(language)
        assert drawing["data"]


# -- every claim -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", in_order())
def test_a_claim_is_told_in_both_languages(name: str) -> None:
    claim = registry.get("claim", name)
    told = [claim.sentence, claim.varied, claim.held, claim.meaning]
    for text in told:
        assert text.en.endswith((".", "?"))
        assert text.vi.endswith((".", "?"))
        assert text.en != text.vi
    for language in LANGUAGES:
        assert words_in(language)(f"claims.chapter-{claim.chapter}")
    assert claim.__doc__
    fields = {field.name for field in dataclasses.fields(claim)}
    assert set(claim.scaled) <= fields
    assert claim().stretched(2).settings != claim().settings or claim.exact


def test_a_longer_budget_stretches_what_is_named_and_nothing_else() -> None:
    claim = registry.get("claim", "optimal-discriminator")()
    longer = claim.stretched(2.5)
    assert longer.steps == 2.5 * claim.steps
    assert isinstance(longer.steps, int)
    assert dataclasses.replace(longer, steps=claim.steps) == claim
    assert claim.stretched(1e-9).steps == 1


# -- the lab ---------------------------------------------------------------------------------


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A claim whose seeds are counted; seed 13 fails."""
    measured: list[int] = []
    registry.names("claim")  # all are found before the copy is made, which the test drops
    monkeypatch.setitem(registry._classes, "claim", dict(registry._classes["claim"]))

    @registry.register("made-up")
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class MadeUp(Claim):
        chapter: ClassVar = "measures"
        sentence: ClassVar = Text(en="Made <up>.", vi="Bịa đặt.")
        varied = held = meaning = sentence
        scaled: ClassVar = ("steps",)
        steps: int = 30

        def measure(self, work: Work) -> Numbers:
            if work.seed == 13:
                raise RunFailed("seed 13 is unlucky")
            measured.append(work.seed)
            if work.seed == 7 and measured.count(7) == 1:
                raise KeyboardInterrupt
            return {"x": 1.5 + work.seed / 10, "drawn": torch.rand(1).item(), "steps": self.steps}

        def questions(self, seeds: Sequence[Numbers]) -> list[Question]:
            return [question(*(s["x"] for s in seeds))]

        def pictures(self, seeds: Sequence[Numbers]) -> list[Any]:
            return [PICTURES[0]]

    return measured


def lab(out: Path, *more: str) -> int:
    return main(["lab", "claims", "--out", str(out), "--quiet", "--only", "made-up", *more])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_holds_what_it_should(
    tmp_path: Path, made_up: list[int], language: Language, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lab"
    assert lab(out, "--lang", language, "--minutes", "1.5") == 0
    assert capsys.readouterr().out == f"Report: {out / 'report.html'}\n"
    page, words = (out / "report.html").read_text(), words_in(language)
    assert f'<html lang="{language}">' in page
    sentence = {"en": "Made &lt;up&gt;.", "vi": "Bịa đặt."}[language]
    command = "saddle lab claims --only made-up --seeds 0-2 --minutes 1.5"
    number = {"en": "1.6 [1.43, 1.77]", "vi": "1,6 [1,43; 1,77]"}[language]
    title, method = words("claims.title"), escape(words("claims.method"))
    for text in (title, method, sentence, command, number):
        assert text in page
    assert f'<span class="state seen">{words("claims.outcome-seen")}</span>' in page
    assert f"{words('claims.seeds')}</th><td>0, 1, 2" in page
    assert "steps</th><td>15" in page  # half the budget, half the steps
    assert page.count("draw('made-up-") == 1
    assert "http:" not in page.partition("<script>")[0]
    with Image.open(out / "made-up.png") as sheet:
        assert sheet.size == (WIDTH, HEIGHT)


def test_nothing_is_measured_twice(tmp_path: Path, made_up: list[int]) -> None:
    out = tmp_path / "lab"
    assert lab(out, "--seeds", "0-1") == 0
    first = json.loads((out / "made-up" / "seed-0.json").read_text())
    assert lab(out, "--seeds", "0-2") == 0
    assert made_up == [0, 1, 2]
    # The same seed elsewhere draws the same, whatever came before it.
    assert lab(tmp_path / "other", "--seeds", "0") == 0
    other = json.loads((tmp_path / "other" / "made-up" / "seed-0.json").read_text())
    assert other["numbers"] == first["numbers"]
    # What was measured with other settings is not mixed in.
    kept = out / "made-up" / "seed-1.json"
    kept.write_text(kept.read_text().replace('"steps": 30', '"steps": 29'))
    assert lab(out) == 0
    assert made_up == [0, 1, 2, 0, 1]
    assert lab(out, "--minutes", "1") == 2


def test_what_was_measured_before_ctrl_c_is_kept(tmp_path: Path, made_up: list[int]) -> None:
    out = tmp_path / "lab"
    assert lab(out, "--seeds", "6-8") == 130
    assert lab(out, "--seeds", "6-8") == 0
    assert made_up == [6, 7, 7, 8]


def test_a_claim_that_fails_says_so_and_the_others_go_on(
    tmp_path: Path, made_up: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lab"
    assert lab(out, "--seeds", "12-14") == 1
    assert "1 of 1 claims could not be tried (made-up)" in capsys.readouterr().err
    page = (out / "report.html").read_text()
    assert "seed 13 is unlucky" in page
    assert words_in("en")("claims.not-tried") in page
    assert made_up == [12]


def test_without_plotly_the_page_shows_the_png(
    tmp_path: Path, made_up: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from saddlepoint.reporting import claims

    monkeypatch.setattr(claims, "find_spec", lambda name: None if name == "plotly" else True)
    monkeypatch.setitem(sys.modules, "plotly", None)
    assert lab(tmp_path / "lab") == 0
    page = (tmp_path / "lab" / "report.html").read_text()
    assert page.count("data:image/png;base64") == 1
    assert "<script>" not in page


def test_names_are_checked_and_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["lab", "claims", "--only", "optimal-discriminatr", "--out", str(tmp_path)]) == 2
    assert "did you mean 'optimal-discriminator'" in capsys.readouterr().err
    assert main(["lab", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert "claims --only optimal-discriminator" in listed


def test_a_real_claim_from_the_command_to_the_page(tmp_path: Path) -> None:
    out = tmp_path / "lab"
    argv = ["lab", "claims", "--only", "optimal-discriminator", "--minutes", "0.02", "--seeds", "0"]
    assert main([*argv, "--out", str(out), "--quiet", "--threads", "1"]) == 0
    numbers = json.loads((out / "optimal-discriminator" / "seed-0.json").read_text())["numbers"]
    assert numbers["value"] <= numbers["with_2"] + 1e-9

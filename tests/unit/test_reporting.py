"""The page of a run: whole, self-contained, honest about what is missing."""

from __future__ import annotations

import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.core import registry
from saddlepoint.core.errors import InputError
from saddlepoint.core.history import History
from saddlepoint.core.images import write_png
from saddlepoint.core.json_files import write_json
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import spread
from saddlepoint.diagnosis.detectors.discriminator_wins import DiscriminatorWins
from saddlepoint.diagnosis.detectors.divergence import Divergence
from saddlepoint.diagnosis.diagnose import healthy_ranges
from saddlepoint.reporting import embedded, figures
from saddlepoint.reporting.embedded import FRAMES
from saddlepoint.reporting.facts import duration, flat
from saddlepoint.reporting.html import notebook_view, write_report
from saddlepoint.reporting.strings import ENGLISH
from saddlepoint.reporting.wording import Wording, wording_of

EARLIER = len(spread(range(29), FRAMES))
NASTY = '<script>alert("x")</script>&amp;'
VOID = {"meta", "link", "img", "br", "hr", "input"}
CONFIG = {
    "preset": "dcgan",
    "arch": {"kind": "dcgan", "latent_dim": 100},
    "loss": {"kind": "non-saturating"},
    "penalties": [{"kind": "r1", "gamma": 0.1}],
    "optim_d": {"kind": "adam", "lr": 2e-4, "betas": [0.5, 0.999]},
    "train": {"kimg": 50.0, "device": "auto"},
}


class Page(HTMLParser):
    """Collects what a page loads, its ids and texts, and whether its tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loads += [str(given[name]) for name in ("src", "href", "srcset") if name in given]
        self.ids += [str(given["id"])] if "id" in given else []
        if tag == "img":
            self.images.append(given)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open[-1:] == ["script"] else self.texts).append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def rows(n: int = 20, **changes: float) -> list[dict[str, Any]]:
    row = {"loss_d": 1.0, "loss_g": 0.9, "real_logit": 0.5, "fake_logit": -0.5, "lr_g": 2e-4}
    row |= {"grad_norm_d": 2.0, "grad_norm_g": 0.3, "diversity": 0.9, "images_per_second": 800.0}
    return [
        {"images": 1000 * i, "step": i, "seconds": 1.25 * i, **row, **changes}
        for i in range(1, n + 1)
    ]


@pytest.fixture
def empty(tmp_path: Path) -> Run:
    """A run that has only begun."""
    run = Run(tmp_path / "my run")
    run.path.mkdir()
    write_json(run.config_file, {"schema": 1, "config": CONFIG, "data": {"name": "digits"}})
    return run


@pytest.fixture
def run(empty: Run) -> Run:
    """A run that has everything."""
    data = {
        "name": "digits",
        "fingerprint": "ab" * 32,
        "n": 1797,
        "spec": {"shape": [1, 8, 8], "n_classes": 2, "value_range": [-1, 1]},
        "classes": ["zero", NASTY],
    }
    document = {"schema": 1, "config": CONFIG, "data": data, "git_commit": "cafe123"}
    document["budgets"] = [{"kimg": 50, "minutes": 2, "images_per_second": 801.5}]
    document["resolved"] = {"device": "cpu", "precision": "bf16", "threads": 2}
    document["versions"] = {"torch": "2.13"}
    write_json(empty.config_file, document)
    empty.samples_folder.mkdir()
    noise = np.random.default_rng(0)
    for name in ["reals", *(f"{k:06d}k" for k in range(0, 30))]:
        picture = noise.integers(0, 255, (40, 40, 1)).astype(np.uint8)
        write_png(empty.samples_folder / f"{name}.png", picture)
    (empty.checkpoints_folder / "000029k").mkdir(parents=True)
    for row in rows():
        empty.append_metrics(row)
    empty.write_status("finished", 29_000)
    return empty


def read(run: Run, **how: Any) -> Page:
    return Page(write_report(run, **how).read_text())


# -- the page --------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else(run: Run) -> None:
    page = read(run)
    assert page.loads
    assert all(address.startswith("data:") for address in page.loads)
    text = run.report_file.read_text()
    assert "@import" not in text
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert sum(len(script) > 1_000_000 for script in page.scripts) == 1  # plotly once


def test_the_page_shows_the_run(run: Run) -> None:
    page = read(run)
    for expected in (
        *("dcgan on digits", "finished", "29,000 of 50,000", "25 s", "800", "cpu", "bf16"),
        *("ab" * 32, "1797", "1, 8, 8", "cafe123", "801.5", "budgets.0.minutes", "torch", "2.13"),
        *("0.5, 0.999", "At equilibrium the discriminator's loss is 1.386"),
        f"saddle resume '{run.path}' --minutes 10",
        f"saddle sample '{run.path}' --seeds",
    ):
        assert expected in page.text
    assert registry.get("loss", "non-saturating").reading in page.text
    assert "curve-0" in page.ids
    assert len(page.images) == 2 + EARLIER
    assert all(image["alt"] for image in page.images)
    assert "after 29,000 real images" in page.images[0]["alt"]
    assert "differs from the preset" not in page.text


def test_the_films_of_several_runs_have_a_bound(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = embedded.films([(run, "a"), (run, "b")], ENGLISH)
    assert Page(whole).text.count("after 29,000") == 2
    assert len(Page(whole).images) == 2 + 2 * EARLIER
    monkeypatch.setattr(embedded, "MOST_LETTERS", len(whole) // 3)
    less = embedded.films([(run, "a"), (run, "b")], ENGLISH)
    assert 4 < len(Page(less).images) < 2 + EARLIER


def test_names_cannot_break_the_page(run: Run) -> None:
    document = run.document
    document["config"]["preset"] = NASTY
    document["data"]["name"] = NASTY
    document["resolved"]["device"] = NASTY
    write_json(run.config_file, document)
    run.write_status("failed", 5, error=NASTY)
    page = read(run)
    assert NASTY in page.text
    assert not any("alert(" in script for script in page.scripts)
    view = notebook_view(run)
    assert "<script>" not in view
    assert NASTY in Page(view).text


def test_fields_that_differ_from_the_preset_are_marked(run: Run) -> None:
    preset = {**CONFIG, "optim_d": {**CONFIG["optim_d"], "lr": 1e-3}}
    text = write_report(run, preset).read_text()
    assert re.findall(r'<tr class="changed"><th scope="row">(.*?)</th>', text) == ["optim_d.lr"]


def test_without_plotly_the_page_says_how_to_get_curves(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    for name in [name for name in sys.modules if name.startswith("plotly.")]:
        monkeypatch.delitem(sys.modules, name)
    page = read(run)
    assert 'pip install "saddlepoint[report]"' in page.text
    assert len(page.images) == 2 + EARLIER
    assert "plotly" not in page.ids


def test_a_run_that_has_only_begun(empty: Run) -> None:
    page = read(empty)
    assert "No sample grid has been drawn yet" in page.text
    assert "There are no metrics to draw yet" in page.text
    assert "not started" in page.text
    assert "dcgan on digits" in Page(notebook_view(empty)).text
    empty.config_file.unlink()
    read(empty)
    notebook_view(empty)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("running", "running"), ("interrupted", "saddle resume"), ("failed", "no space left")],
)
def test_states(run: Run, state: str, expected: str) -> None:
    run.write_status(state, 9000, error="no space left")
    text = read(run).text
    assert expected in text
    assert ("saddle resume" in text) == (state != "running")


def test_points_are_not_offered_a_walk(run: Run) -> None:
    assert "--interpolate" in read(run).text
    document = run.document
    document["data"]["spec"]["shape"] = [2]
    write_json(run.config_file, document)
    text = read(run).text
    assert "--interpolate" not in text
    assert "--n 10000" in text


def test_a_run_whose_process_died_is_not_called_running(run: Run) -> None:
    write_json(run.status_file, {"state": "running", "heartbeat": 1000.0, "n_images": 5})
    text = read(run).text
    assert "no sign of life" in text
    assert "saddle resume" in text


def test_pictures_that_cannot_be_read_are_left_out(run: Run) -> None:
    run.samples[-1].write_bytes(b"torn")
    (run.samples_folder / "reals.png").unlink()
    page = read(run)
    assert "cannot be read" in page.text
    assert len(page.images) == EARLIER
    assert "img" not in notebook_view(run)


def test_a_broken_config_is_one_sentence(run: Run) -> None:
    run.config_file.write_text("{")
    with pytest.raises(InputError, match=r"config\.json"):
        write_report(run)


def test_notebook_view(run: Run) -> None:
    page = Page(notebook_view(run))
    for expected in ("finished", "Discriminator loss", "1.000", str(run.path)):
        assert expected in page.text
    assert len(page.images) == 1
    assert page.loads[0].startswith("data:image/png")


# -- scores ----------------------------------------------------------------------------------------


def evaluation(kind: str, fid: float) -> dict[str, Any]:
    """An entry of scores/000029k.json, as `saddle evaluate` writes it."""
    features = {"kind": kind, "sha256": "cd" * 32, "resize": "bilinear 32"}
    return {
        "checkpoint": "000029k",
        "protocol_sha256": kind,
        "protocol": {"features": features, "n_real": 1234, "n_fake": 5678, "k": 3, "seed": 0},
        "real": {"name": "digits", "split": "test"},
        "fake": {"name": "run", "trained_images": 29_000},
        "values": {
            "precision": {"value": 0.75, "interval": [0.7, 0.8]},
            "fid": {"value": fid, "interval": None, "note": "biased <upwards>"},
        },
        "per_class": {"zero": {"precision": 0.5}, NASTY: {"precision": 0.25}},
    }


def test_scores_stand_in_the_report_with_intervals_and_protocol(run: Run) -> None:
    assert "Scores" not in read(run).text
    run.scores_folder.mkdir()
    entries = [evaluation("pixels", 75.5), evaluation("classifier", 0.61)]
    write_json(run.scores_folder / "000029k.json", {"scores": entries})
    picture = np.zeros((8, 8, 1), np.uint8)
    write_png(run.scores_folder / "000029k-realism.png", picture)
    page = read(run)
    for expected in (
        *("0.7500", "0.7000 to 0.8000", "75.50", "0.6100", "biased <upwards>"),
        "5,678 samples after 29,000 images against 1,234 real images (digits, test split)",
        "features: classifier (weights sha256 cdcdcdcdcdcd), resize: bilinear 32, k = 3",
        *("features: pixels", "protocol", "0.2500", NASTY),
    ):
        assert expected in page.text
    assert any("most realistic" in str(image["alt"]) for image in page.images)


# -- figures ---------------------------------------------------------------------------------------


def traces(figure: Any) -> dict[str, tuple[list[float], list[float]]]:
    return {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}


def draw(name: str, rows: list[dict[str, Any]], wording: Wording = Wording()) -> Any:  # noqa: B008
    panel = next(panel for panel in figures.PANELS if panel.name == name)
    return panel.draw(History(rows), wording)


def test_figures_show_the_columns_in_thousands_of_images() -> None:
    figure = draw("losses", rows(3), Wording(critic="critic"))
    assert traces(figure) == {
        "Critic": ([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]),
        "Generator": ([1.0, 2.0, 3.0], [0.9, 0.9, 0.9]),
    }


def test_absent_and_nan_values_are_left_out() -> None:
    history = rows(4)
    history[1]["loss_d"] = math.nan
    del history[2]["loss_d"]
    history[3]["loss_g"] = None
    shown = traces(draw("losses", history))
    assert shown["Discriminator"][0] == [1.0, 4.0]
    assert shown["Generator"][0] == [1.0, 2.0, 3.0]


def test_dotted_lines_stand_where_curves_rest() -> None:
    wording = Wording(rest_d=1.386, rest_g=None)
    assert [line.y0 for line in draw("losses", rows(3), wording).layout.shapes] == [1.386]
    assert [line.y0 for line in draw("logits", rows(3)).layout.shapes] == [0.0]
    assert not draw("logits", rows(3), Wording(zero_is_neutral=False)).layout.shapes


def test_healthy_ranges_are_the_detectors_own_and_lie_behind_the_curves() -> None:
    wins, grows = DiscriminatorWins(), Divergence()
    history = [
        {"images": 1000 * i, "step": 50 * i, "auc": 0.8, "grad_norm_d": 20.0}
        | {"real_logit": 1.0 + i, "fake_logit": 1.0 - i, "nonfinite": 0.0}
        for i in range(1, 15)
    ]
    healthy = healthy_ranges(History(history))
    assert healthy["auc"] == (0.5, wins.nearly)
    assert healthy["grad_norm_d"] == (None, pytest.approx(20 * 10**grows.decades))
    drawn = {
        name: figure
        for name, _, figure, text in figures.figures_of({}, History(history))
        if figures.BANDS in text
    }
    assert drawn.keys() == {"auc", "logits", "gradients"}
    band = drawn["auc"].layout.shapes[0]
    assert (band.y0, band.y1, band.layer) == (0.5, wins.nearly, "below")
    # An end ten times as high as the curve would press it flat; it counts again once that is near.
    assert drawn["gradients"].layout.shapes[0].y1 < 2 * 20
    near = [row | {"grad_norm_d": 150.0} for row in history[-1:]]
    grown = figures.figures_of({}, History(history[:-1] + near), ["gradients"])[0][2]
    highest = healthy_ranges(History(history[:-1] + near))["grad_norm_d"][1]
    assert grown.layout.shapes[0].y1 == highest
    # Far apart, both curves leave the band around their middle, which does not widen the figure.
    apart = [row | {"real_logit": 1000.0, "fake_logit": -1000.0} for row in history[10:]]
    path = figures.figures_of({}, History(history[:10] + apart), ["logits"])[0][2].layout.shapes[0]
    heights = [float(pair.split(",")[1]) for pair in path.path[2:-2].split(" L ")]
    _, widest = healthy_ranges(History(history[:10] + apart))["logit_gap"]
    assert widest is not None
    assert max(heights) == pytest.approx(1 + widest / 2)
    assert widest / 2 < 1000
    assert healthy_ranges(History(history[:3])).keys() == {"auc"}


def test_learning_rates_are_drawn_only_when_they_change() -> None:
    history = rows(4)
    assert draw("learning-rates", history) is None
    history[3]["lr_g"] = 1e-5
    assert draw("learning-rates", history) is not None


@pytest.mark.parametrize("panel", figures.PANELS, ids=lambda panel: panel.name)
def test_a_figure_without_values_is_none(panel: figures.Panel) -> None:
    assert panel.draw(History([]), Wording()) is None
    assert panel.draw(History([{"images": 1000}]), Wording()) is None
    nothing = [{"images": 1000, "loss_d": math.nan, "grad_norm_d": 0.0}]
    assert panel.draw(History(nothing), Wording()) is None


@pytest.mark.parametrize("panel", figures.PANELS, ids=lambda panel: panel.name)
def test_every_figure_has_axes_with_titles_and_a_reading(panel: figures.Panel) -> None:
    history = rows(5, sliced_wasserstein=0.1, fid=9.0, precision=0.5, recall=0.5, auc=0.8)
    for i, row in enumerate(history):
        row["lr_g"] = 0.1 * i
    figure = panel.draw(History(history), Wording())
    assert figure is not None
    assert "thousands" in figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text
    for wording in (Wording(), Wording(zero_is_neutral=False)):
        assert len(panel.reading(wording)) > 40


def test_gradients_have_a_logarithmic_axis_without_zeros() -> None:
    figure = draw("gradients", [{"images": 1000 * i, "grad_norm_d": 4**i - 1} for i in range(4)])
    assert figure.layout.yaxis.type == "log"
    assert traces(figure) == {"Discriminator": ([1.0, 2.0, 3.0], [3.0, 15.0, 63.0])}


# -- words -----------------------------------------------------------------------------------------


def test_the_wording_follows_from_the_loss_itself() -> None:
    bce = wording_of({"kind": "non-saturating"})
    assert bce.rest_d == pytest.approx(2 * math.log(2))
    assert bce.rest_g == pytest.approx(math.log(2))
    assert bce.zero_is_neutral
    wasserstein = wording_of({"kind": "wasserstein"})
    assert (wasserstein.critic, wasserstein.rest_d, wasserstein.rest_g) == ("critic", 0.0, None)
    assert not wasserstein.zero_is_neutral
    assert "free offset" in wasserstein.equilibrium
    assert wording_of({"kind": "of-a-plugin-not-here"}) == Wording()
    assert wording_of({}) == Wording()


def test_words() -> None:
    assert [duration(s) for s in (0.4, 59, 372, 11_100)] == [
        "0 s",
        "59 s",
        "6 min 12 s",
        "3 h 05 min",
    ]
    assert flat({"a": {"b": [1, 2]}, "c": [{"d": None}], "e": [], "f": 2e-4}) == {
        "a.b": "1, 2",
        "c.0.d": "",
        "e": "none",
        "f": "0.0002",
    }
    assert spread(list(range(100)), 8)[0] == 0
    assert spread(list(range(100)), 8)[-1] == 99
    assert len(spread(list(range(100)), 8)) == 8
    assert spread([1, 2], 8) == [1, 2]

"""Runs side by side in the studio: the facts of `saddle compare`, curves, images of one seed."""

from __future__ import annotations

import base64
import io
import math
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from saddlepoint import api
from saddlepoint.core.images import enlarge, grid
from saddlepoint.core.runs import Run
from saddlepoint.evaluation.compare import compare_runs
from saddlepoint.reporting.comparison_tables import differing, number_table
from saddlepoint.reporting.palette import COLOURS
from saddlepoint.sampling.sampler import load_sampler
from saddlepoint.studio import server

SMALL = {"train.batch_size": 16, "train.tick_kimg": 0.05, "arch.latent_dim": 8}
NETS = {"arch.generator_widths": [16], "arch.discriminator_widths": [16]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of one model and one of another, measured alike; one of points, not measured."""
    folder = tmp_path_factory.mktemp("runs")
    changes = {"one": {}, "two": {"seed": 1}, "long": {"arch.latent_dim": 16}}
    for name, more in changes.items():
        api.train(
            "gan",
            "digits",
            out=folder / name,
            kimg=0.2,
            changes={**SMALL, **NETS, **more},
            quiet=True,
        )
        api.evaluate(folder / name, features="pixels", n=40, n_bootstrap=10, quiet=True)
    alike = {**SMALL, "loss": {"kind": "non-saturating"}}
    api.train("gan-points", "ring8", out=folder / "points", kimg=0.2, changes=alike, quiet=True)
    return folder


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    """Copies that a test may break."""
    return shutil.copytree(trained, tmp_path / "runs")


@pytest.fixture
def client(runs: Path) -> Iterator[TestClient]:
    with TestClient(server.create_app(runs), "http://127.0.0.1:8000") as client:
        yield client


def overview(client: TestClient, *ids: str) -> dict:
    return client.get("/api/compare/", params={"runs": ",".join(ids)}).json()


def test_facts_are_those_of_the_command_line(client: TestClient, runs: Path) -> None:
    found = overview(client, "one", "long", "two", "one")
    document = compare_runs([Run.open(runs / name) for name in ("one", "long", "two")])
    header, lines = number_table(document)
    assert (found["scores"]["header"], found["scores"]["lines"]) == (header, lines)
    # Two seeds of one model share a column, as there.
    assert found["scores"]["members"] == [["one", "two"], ["long"]]
    line = {"part": "nets", "title": "The nets", "fields": ["arch.latent_dim"]}
    assert found["differences"] == [line | {"values": ["8", "16", "8"]}]
    assert [run["latent_dim"] for run in found["runs"]] == [8, 16, 8]
    assert [run["colour"] for run in found["runs"]] == list(COLOURS[:3])
    assert all(run["parameters"]["generator"] > 0 for run in found["runs"])
    command = shlex.split(found["command"])
    assert command[1:-2] == ["compare", *(str(runs / name) for name in ("one", "long", "two"))]
    # The command itself, word for word.
    from saddlepoint.cli.main import main

    assert main([*command[1:-1], str(runs / "page.html")]) == 0
    assert (runs / "page.html").is_file()


def test_fields_that_differ_are_read_by_part_and_what_goes_together_is_one_line() -> None:
    values = {
        "train.tick_kimg": [1.0, 2.0],
        "optim_g.lr": [1e-3, 2e-4],
        "optim_d.lr": [1e-3, 2e-4],
        "train.kimg": [1.0, 2.0],
        "start.model": ["", None],
        "penalties": [[], None],
        "penalties.0.kind": [None, "r1"],
        "penalties.0.gamma": [None, 0.5],
        "arch.kind": ["mlp", "dcgan"],
        **{f"arch.{name}": [1, None] for name in "abcde"},
    }
    assert differing(values) == [
        ("nets", ["arch.kind"], ["mlp", "dcgan"]),
        ("nets", ["arch.a", "arch.b", "arch.c", "arch.d", "arch.e"], ["1", ""]),
        ("loss", ["penalties.0"], ["", "r1, gamma 0.5"]),
        ("optimisers", ["optim_g.lr", "optim_d.lr"], ["0.001", "0.0002"]),
        ("training", ["train.kimg"], ["1", "2"]),
        ("watched", ["train.tick_kimg"], ["1", "2"]),
    ]


def test_what_cannot_be_compared_is_said_and_the_rest_is_shown(
    client: TestClient, runs: Path
) -> None:
    found = overview(client, "one", "points", "gone", "two")
    assert found["missing"] == ["gone"]
    assert [run["data"] for run in found["runs"]] == ["digits", "ring8", "digits"]
    assert shlex.split(found["unscored"]["points"])[1:] == ["evaluate", str(runs / "points")]
    assert found["scores"]["members"] == [["one", "two"]]
    # By another protocol.
    shutil.rmtree(runs / "two" / "scores")
    api.evaluate(runs / "two", features="pixels", n=30, n_bootstrap=10, quiet=True)
    differ = overview(client, "one", "two")["scores"]["differ"]
    assert (differ["one"], differ["other"]) == ("one", "two")
    assert "n_real" in differ["fields"]
    # A damaged file of scores, a damaged run.
    (runs / "two" / "scores" / next((runs / "two" / "scores").glob("*.json")).name).write_text("{")
    assert "evaluate again" in overview(client, "one", "two")["scores"]["error"]["en"]
    (runs / "two" / "config.json").write_text("{")
    client.app.state.studio.library.forget()
    found = overview(client, "two", "one")
    assert [run["state"] for run in found["runs"]] == ["damaged", "finished"]
    assert found["compared"] == ["one"]
    for odd in ("", ",,", "one", "../one", "%00", "one,one"):
        assert client.get("/api/compare/", params={"runs": odd}).status_code == 200
    answer = client.get("/api/compare/", params={"runs": ",".join(map(str, range(9)))})
    assert (answer.status_code, "at most 8" in answer.json()["error"]["en"]) == (400, True)


def test_each_figure_has_a_curve_of_each_run(client: TestClient, runs: Path) -> None:
    def figures(over: str) -> dict[str, dict]:
        query = {"runs": "one,long,points", "over": over}
        answer = client.get("/api/compare/figures", params=query).json()
        assert answer["complete"]
        return {one["name"]: one for one in answer["figures"]}

    by_images, by_time = figures("images"), figures("time")
    assert by_images.keys() == by_time.keys() >= {"loss_d", "loss_g", "diversity", "grad_norm_g"}
    loss = by_images["loss_d"]
    assert [curve["name"] for curve in loss["figure"]["data"]] == ["one", "long", "points"]
    colours = [curve["line"]["color"] for curve in loss["figure"]["data"]]
    assert colours == list(COLOURS[:3])
    history = Run(runs / "long").history
    assert loss["figure"]["data"][1]["x"] == (history["images"] / 1000).tolist()
    assert loss["figure"]["data"][1]["y"] == history["loss_d"].tolist()
    assert by_time["loss_d"]["figure"]["data"][1]["x"] == (history["seconds"] / 60).tolist()
    # One loss, one equilibrium; and only that of the player shown.
    lines = [line["y0"] for line in loss["figure"]["layout"]["shapes"]]
    assert lines == [pytest.approx(2 * math.log(2))]
    assert "learning rates" not in " ".join(by_images).lower()
    assert "time" in client.get("/api/compare/figures?runs=one&over=years").json()["error"]["en"]


def test_one_seed_is_one_latent_in_every_run(client: TestClient, runs: Path) -> None:
    def drawn(run: str, seed: object = 5) -> np.ndarray:
        answer = client.get(f"/api/compare/{run}/samples", params={"seed": str(seed)}).json()
        kind, _, content = answer["picture"].partition(",")
        assert kind == "data:image/png;base64"
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))

    for name in ("one", "long"):
        images = load_sampler(runs / name).images(range(5, 21))
        assert np.array_equal(drawn(name), enlarge(grid(images))[:, :, 0])
    assert not np.array_equal(drawn("one"), drawn("one", 6))
    assert drawn("points").shape == (320, 320)
    for seed in ("-1", "x", "1.5", "1e3", "٣", 2**63 - 1, "9" * 30, ""):
        answer = client.get("/api/compare/one/samples", params={"seed": str(seed)})
        assert answer.status_code == 400, seed
        assert "seed" in answer.json()["error"]["en"]
    assert client.get("/api/compare/none/samples").status_code == 404
    for file in (runs / "one" / "checkpoints").glob("*/ema.safetensors"):
        file.write_bytes(b"x")
    answer = client.get("/api/compare/one/samples")
    assert (answer.status_code, "checkpoint" in answer.json()["error"]["en"]) == (400, True)
    shutil.rmtree(runs / "one" / "checkpoints")
    assert overview(client, "one", "two")["runs"][0]["checkpoint"] is False

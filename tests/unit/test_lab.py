"""saddle lab: the lecture's experiments on small data."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from _forked import Gate, Saddle

from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core.runs import Run
from saddlepoint.data import search
from saddlepoint.data.sources.mnist import FashionMnist
from saddlepoint.evaluation.scores import newest_scores
from saddlepoint.lab import demo
from saddlepoint.presets import PRESETS

LAB = ["lab", "lecture", "--data", "digits", "--n", "200", "--features", "pixels", "--quiet"]


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SADDLE_OFFLINE", "1")
    monkeypatch.delenv("SADDLE_DATA", raising=False)


@pytest.fixture
def no_pages_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the lab's own: each run has one as any other run has, twice."""
    monkeypatch.setattr(api.Run, "report", lambda run, *_: run.report_file)


def test_lab_list_names_the_labs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "list", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out))[:5] == [
        "demo",
        "lecture",
        "failures",
        "claims",
        "modes",
    ]


def test_the_lecture_is_trained_measured_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lab"
    argv = [*LAB, "--kimg", "0.1", "--out", str(out), "--presets", "gan", "cgan-onehot"]
    assert main(argv) == 0
    assert capsys.readouterr().out == f"Report: {out / 'report.html'}\n"
    page = (out / "report.html").read_text()
    for text in ("Left out: faces", "cgan-onehot", "digits: 10 classes, 8 x 8"):
        assert text in page
    # The lecture's table is about clothes, and these are none.
    for text in ("160.92", "Fashion", "clothes", "do not compare"):
        assert text not in page
    assert page.count('<figure class="film"') == 2
    assert "saddle train cgan-onehot --data digits" in page
    assert page.count("Plotly.newPlot(") == 1
    assert "What differs, digits" in page
    folders = [out / "digits" / f"{preset}-0" for preset in ("gan", "cgan-onehot")]
    assert all(Run(folder).status["state"] == "finished" for folder in folders)
    assert all(len(newest_scores(Run(folder))) == 1 for folder in folders)
    assert all("95 % interval" in Run(folder).report_file.read_text() for folder in folders)

    # The same command again trains and measures nothing.
    before = [(folder / "metrics.jsonl").stat().st_mtime_ns for folder in folders]
    scored = [next((folder / "scores").iterdir()).stat().st_mtime_ns for folder in folders]
    assert main(argv) == 0
    assert before == [(folder / "metrics.jsonl").stat().st_mtime_ns for folder in folders]
    after = [next((folder / "scores").iterdir()).stat().st_mtime_ns for folder in folders]
    assert after == scored


def test_the_lectures_table_stands_beside_its_own_data(tmp_path: Path) -> None:
    file, out = tmp_path / "fashion-mnist.npz", tmp_path / "lab"
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28, 1), np.uint8)
    np.savez(file, images=images, labels=np.arange(60) % 10)
    argv = ["lab", "lecture", "--data", str(file), "--n", "60", "--features", "pixels", "--quiet"]
    assert main([*argv, "--only", "gan", "--kimg", "0.1", "--out", str(out)]) == 0
    page = (out / "report.html").read_text()
    for text in ("Fashion-MNIST: 10 kinds of clothes", "160.92", "0.1906", "do not compare"):
        assert text in page
    assert (out / "fashion-mnist" / "gan-0" / "report.html").is_file()


@pytest.mark.usefixtures("no_pages_of_runs")
def test_a_lab_of_other_settings_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lab"
    argv = [*LAB, "--out", str(out), "--presets", "gan"]
    assert main([*argv, "--kimg", "0.1"]) == 0
    assert main([*argv, "--kimg", "0.2"]) == 2
    assert "kimg=0.1" in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    assert main([*LAB, "--out", str(tmp_path / "other")]) == 2
    assert "holds no lab.json" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["--data=digit", "--seeds=x", "--only=no-family"])
def test_a_mistyped_value_claims_no_folder(wrong: str, tmp_path: Path) -> None:
    """Else the right value would be refused, as the folder holds a lab of other settings."""
    assert main([*LAB, "--out", str(tmp_path / "lab"), "--kimg", "0.1", wrong]) == 2
    assert not (tmp_path / "lab").exists()


@pytest.mark.usefixtures("no_pages_of_runs")
def test_a_killed_lab_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "lab"
    argv = [*LAB, "--kimg", "1", "--out", str(out), "--presets", "gan"]
    gate = Gate(tmp_path)
    child = Saddle(*argv, before=gate.at_step(8))
    gate.wait(child)
    child.kill()
    assert Run(out / "digits" / "gan-0").status["state"] == "running"
    assert main(argv) == 0
    assert Run(out / "digits" / "gan-0").status["state"] == "finished"
    assert (out / "report.html").is_file()


def test_every_family_of_the_lectures_tables_is_a_preset() -> None:
    from saddlepoint.lab.lecture import FACES, FASHION

    for application in (FASHION, FACES):
        assert set(application.presets) <= set(PRESETS)
        assert len(application.published) == 3


@pytest.mark.usefixtures("no_pages_of_runs")
def test_faces_have_a_budget_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lab"
    argv = [*LAB, "--faces", "digits", "--presets", "gan", "--out", str(out)]
    assert main([*argv, "--faces-kimg", "0.2"]) == 2
    assert "--faces-kimg needs --kimg" in capsys.readouterr().err
    assert main([*argv, "--kimg", "0.1", "--faces-kimg", "0.2"]) == 0
    kimg = [
        Run(out / name / "gan-0").document["config"]["train"]["kimg"]
        for name in ("digits", "faces")
    ]
    assert kimg == [0.1, 0.2]
    page = (out / "report.html").read_text()
    assert "Left out" not in page
    assert "250.55" in page


# -- the demo --------------------------------------------------------------------------------


def test_the_demo_names_the_data_that_was_really_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SYSTEM_FOLDER", tmp_path / "nowhere")
    monkeypatch.setattr(demo, "PLANTED", replace(demo.PLANTED, kimg=40))
    out = tmp_path / "demo"
    argv = ["lab", "demo", "--minutes", "0.02", "--n", "200", "--features", "pixels"]
    argv += ["--threads", "1"]
    assert main([*argv, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("Data: the embedded digits (8 x 8), because Fashion-MNIST is not")
    assert said.out.endswith(f"Report: {out / 'report.html'}\n")
    for text in ("dcgan-r1", "latent-ignored, at", "longer-latent", "Precision (pixels)"):
        assert text in said.out
    assert f"resume {out / 'dcgan-r1-digits'} --minutes 10" in said.out
    assert f" studio {out}\n" in said.out

    page = (out / "report.html").read_text()
    for text in ("dcgan-r1 on digits", "latent-ignored", "longer-latent", "saddle lab failures"):
        assert text in page
    for text in ("Fashion", "fashion", "clothes"):
        assert text not in page
        assert text not in said.out
    assert page.count('<figure class="film"') == 2  # generated, treated
    for caption in ("real, digits", "before the treatment"):
        assert f"<figcaption>{caption}</figcaption>" in page
    mended = Run(out / "latent-ignored-digits")
    for run in (mended, Run(out / "dcgan-r1-digits")):
        assert run.document["config"]["train"]["threads"] == 1
    assert [line["event"] for line in mended.findings] == ["found", "treated"]
    assert [finding.name for finding in api.Run(mended.path).diagnose()] == []

    # The same command again finds everything done.
    before = {file: file.stat().st_mtime_ns for file in out.rglob("metrics.jsonl")}
    assert main([*argv, "--out", str(out)]) == 0
    assert before == {file: file.stat().st_mtime_ns for file in out.rglob("metrics.jsonl")}


def test_the_demo_fetches_fashion_mnist_where_it_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SYSTEM_FOLDER", tmp_path / "nowhere")
    monkeypatch.delenv("SADDLE_OFFLINE")
    served, files = tmp_path / "served", []
    served.mkdir()
    images = np.zeros((4, 28, 28), np.uint8)
    labels = np.arange(4, dtype=np.uint8)
    shapes = {
        "images-idx3": (b"\x00\x00\x08\x03", images),
        "labels-idx1": (b"\x00\x00\x08\x01", labels),
    }
    for split in ("train", "t10k"):
        for kind, (magic, array) in shapes.items():
            name = f"{split}-{kind}-ubyte.gz"
            sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
            content = gzip.compress(magic + sizes + array.tobytes())
            (served / name).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            files.append((name, digest))
    handler = partial(QuietHandler, directory=str(served))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        remote = [search.RemoteFile(name=n, url=address + n, sha256=digest) for n, digest in files]
        monkeypatch.setattr(FashionMnist, "files", remote)
        name, sentence = demo.choose_data()
        server.shutdown()
    assert (name, sentence[:19]) == ("fashion-mnist", "Data: Fashion-MNIST")
    # Fetched once: now it is here, server or not.
    assert demo.choose_data()[0] == "fashion-mnist"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


# -- failures --------------------------------------------------------------------------------


def test_every_failure_can_be_trained_both_ways_and_differs_in_the_doctor_alone() -> None:
    from saddlepoint.core.config_json import to_json
    from saddlepoint.lab.cases import FAILURES
    from saddlepoint.lab.failing import WAYS

    for name, failure in FAILURES.items():
        assert failure.name == name
        assert failure.expected
        configs = [failure.config(way, seed=3) for way in WAYS]
        for config in configs:
            config.check(config.source.open().spec)
        untreated, treated = map(to_json, configs)
        assert {key for key in untreated if untreated[key] != treated[key]} == {"doctor"}


@pytest.mark.usefixtures("no_pages_of_runs")
def test_the_failures_are_trained_both_ways_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lab"
    argv = ["lab", "failures", "--kimg", "0.2", "--quiet", "--out", str(out)]
    argv += ["--cases", "partial-collapse", "latent-ignored"]
    assert main(argv) == 0
    assert capsys.readouterr().out == f"Report: {out / 'report.html'}\n"
    page = (out / "report.html").read_text()
    for text in ("Partial mode collapse", "z is ignored", "Untreated, at the end"):
        assert text in page
    assert page.count('<figure class="film"') == 2  # untreated; nothing was treated
    assert page.count("Nothing was treated") == 2
    assert "of 8 modes" in page
    assert "precision" in page
    folders = [out / "partial-collapse" / way for way in ("untreated", "treated")]
    modes = [Run(folder).document["config"]["doctor"]["mode"] for folder in folders]
    assert modes == ["advise", "treat"]
    before = [(folder / "metrics.jsonl").stat().st_mtime_ns for folder in folders]
    assert main(argv) == 0
    assert before == [(folder / "metrics.jsonl").stat().st_mtime_ns for folder in folders]


@pytest.mark.usefixtures("no_pages_of_runs")
def test_a_remedy_is_picked_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "lab"
    argv = ["lab", "failures", "--kimg", "0.2", "--quiet", "--out", str(out)]
    argv += ["--only", "discriminator-wins,partial-collapse", "--remedy", "dropout", "equal-rates"]
    assert main(argv) == 0
    page = (out / "report.html").read_text()
    ran = {folder.relative_to(out).as_posix() for folder in out.glob("*/*") if folder.is_dir()}
    # Rates that are equal already cannot be made equal.
    assert ran == {
        *("discriminator-wins/untreated", "discriminator-wins/dropout"),
        *("discriminator-wins/equal-rates", "partial-collapse/untreated"),
        "partial-collapse/dropout",
    }
    kept = Run(out / "discriminator-wins" / "dropout").document["config"]
    assert (kept["arch"]["dropout"], kept["doctor"]["mode"]) == (0.3, "advise")
    assert page.count("<td>dropout</td>") == 2
    assert page.count("<td>equal-rates</td>") == 1
    assert page.count('<figure class="film"') == 5  # untreated, and a grid for each remedy
    assert main([*argv[:-2], "droput"]) == 2
    assert "did you mean 'dropout'?" in capsys.readouterr().err


def test_an_unknown_failure_gets_the_nearest_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["lab", "failures", "--cases", "oscilation", "--out", str(tmp_path / "lab")]
    assert main(argv) == 2
    assert "did you mean 'oscillation'?" in capsys.readouterr().err

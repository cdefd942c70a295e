"""What the studio's views stand on: the list of runs, the form, jobs, the trash, long histories."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _forked import PATIENCE, Saddle, wait_until
from _loops import run_alone
from PIL import Image
from starlette.testclient import TestClient

import saddlepoint as sp
from saddlepoint import api
from saddlepoint.core import registry
from saddlepoint.core.config import Augment, DoctorConfig, Ema, Scoring, Start, Train
from saddlepoint.core.errors import InputError
from saddlepoint.core.fields import docstrings, fields_of
from saddlepoint.core.findings import Finding
from saddlepoint.core.images import enlarge, grid, name_columns, write_png
from saddlepoint.core.json_files import append_row, write_json
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.data.sources.folder import Folder
from saddlepoint.diagnosis.columns import COLUMNS
from saddlepoint.reporting.panel import MOST_POINTS, thinned
from saddlepoint.studio import held, library, pictures, server, watch
from saddlepoint.studio.form import Order, data_sets, presets, wanted_of
from saddlepoint.studio.guard import TOKEN_HEADER
from saddlepoint.studio.histories import Histories
from saddlepoint.studio.jobs import Jobs
from saddlepoint.studio.library import Library
from saddlepoint.studio.strings import LANGUAGES, texts
from saddlepoint.studio.trash import Trash
from saddlepoint.studio.view import Studio, all_views


def make_run(folder: Path, state: str = "finished", **status: object) -> Run:
    run = Run(folder)
    run.samples_folder.mkdir(parents=True)
    config = {"preset": "gan", "train": {"kimg": 2}, "loss": {"kind": "wasserstein", "clip": 0.0}}
    data = {"name": "digits", "spec": {"shape": [1, 8, 8]}}
    write_json(run.config_file, {"schema": 1, "config": config, "data": data})
    run.write_status(state, 1000, **status)
    run.append_metrics({"images": 1000, "step": 10, "images_per_second": 100.0, "loss_d": 1.0})
    return run


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    app = server.create_app(tmp_path)
    with TestClient(app, "http://127.0.0.1:8000", follow_redirects=False) as client:
        client.headers[TOKEN_HEADER] = app.state.studio.token
        yield client


def test_runs_are_found_by_what_they_are(tmp_path: Path) -> None:
    for name in ("a", "lab/b", "lab/b.c", "odd name", ".hidden/x", "1/2/3/4/5/deep"):
        make_run(tmp_path / name)
    make_run(tmp_path / "a" / "inside")
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "empty").mkdir()
    library = Library(tmp_path)
    found = {run.path.relative_to(tmp_path).as_posix(): id for id, run in library.runs().items()}
    assert found.keys() == {"a", "lab/b", "lab/b.c", "odd name"}
    assert len(set(found.values())) == 4
    assert found["lab/b"] == "lab.b"
    # A run alone is a folder of one run.
    assert len(Library(tmp_path / "a").runs()) == 1
    assert Library(tmp_path / "nothing").runs() == {}
    # A listing is used again for a moment; a run that is younger than it is there all the same.
    young = make_run(tmp_path / "young")
    assert library.run("young").path == young.path


@pytest.mark.parametrize(
    ("n", "conditioning", "side", "shown"),
    [(64, "none", 8, 4), (9, "none", 28, 3), (3, "none", 64, 2), (25, "onehot", 28, 2)],
)
def test_a_thumbnail_shows_whole_samples(
    n: int, conditioning: str, side: int, shown: int, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "a")
    document = run.document
    document["config"] |= {"arch": {"conditioning": conditioning}}
    document["config"]["train"]["n_samples"] = n
    document["data"]["spec"] = {"shape": [1, side, side], "n_classes": 10}
    write_json(run.config_file, document)
    layout = pictures.sheet_of(run.document)
    assert layout
    black = np.zeros((layout.rows * layout.columns, side, side, 1), np.uint8)
    sheet = enlarge(grid(black, layout.columns))
    names = [*"0123456789"] if conditioning != "none" else []
    write_png(run.samples_folder / "000001k.png", name_columns(sheet, names) if names else sheet)
    small = pictures.thumbnail(run.samples[-1], 0, layout)
    seen = np.asarray(Image.open(io.BytesIO(small)))
    for line in (seen.min(axis=0), seen.min(axis=1)):
        dark = np.concatenate([[False], line < 128, [False]])
        starts, ends = (np.flatnonzero(np.diff(dark.astype(int)) == step) for step in (1, -1))
        assert len(starts) == shown
        assert np.ptp(ends - starts) <= 1
        assert starts[0] >= 1
        assert abs(starts[0] - (len(line) - ends[-1])) <= 1


def test_a_line_says_how_far_a_run_is_and_what_is_wrong(tmp_path: Path) -> None:
    make_run(tmp_path / "busy", "running", findings=["oscillation"])
    broken = make_run(tmp_path / "broken", "failed", error="out of luck")
    silent = make_run(tmp_path / "silent", "running")
    write_json(silent.status_file, {**silent.status, "heartbeat": time.time() - 4000})
    library = Library(tmp_path)
    line = library.line("busy")
    assert (line["images"], line["total"], line["rate"], line["eta"]) == (1000, 2000, 100.0, 10.0)
    assert line["findings"] == [{"name": "oscillation", "severity": "warn"}]
    assert library.line("silent")["state"] == "silent"
    assert library.line("broken")["error"]["en"] == "out of luck"
    broken.config_file.write_text("{")
    assert library.line("broken")["state"] == "damaged"
    with pytest.raises(InputError, match="no such run"):
        library.line("../busy")


def test_what_cannot_be_read_is_listed_with_its_reason_beside_the_others(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = client.app.state.studio.library.root
    make_run(root / "good")
    for name in ("fifo", "dangling", "circle", "inner", "grids", "saved"):
        make_run(root / name)
    for name in ("fifo", "dangling", "circle"):
        (root / name / "config.json").unlink()
    os.mkfifo(root / "fifo" / "config.json")
    (root / "dangling" / "config.json").symlink_to("nowhere")
    (root / "circle" / "config.json").symlink_to("config.json")
    (root / "inner" / "config.json").unlink()
    (root / "inner" / "config.json").mkdir()
    (root / "grids" / "samples").rmdir()
    (root / "grids" / "samples").symlink_to("samples")
    (root / "saved" / "checkpoints").symlink_to("checkpoints")
    (root / "file").touch()
    # Root may read everything; so these two only seem to be forbidden.
    (root / "closed").mkdir()
    (root / "locked").mkdir()
    scandir, lstat = os.scandir, os.lstat

    def forbidden(call: Callable, name: str) -> Callable:
        def refused(path: object, *more: object, **options: object) -> object:
            if f"/{name}" in str(path):
                raise PermissionError(13, "Permission denied", str(path))
            return call(path, *more, **options)

        return refused

    monkeypatch.setattr(os, "scandir", forbidden(scandir, "closed"))
    monkeypatch.setattr(os, "lstat", forbidden(lstat, "locked"))
    listed = {run["id"]: run for run in client.get("/api/runs/").json()["runs"]}
    states = {id: run["state"] for id, run in listed.items()}
    odd = ("fifo", "dangling", "circle", "inner", "grids", "saved", "closed", "locked")
    assert states == {"good": "finished", **dict.fromkeys(odd, "damaged")}
    assert all("/" in listed[name]["error"]["en"] for name in odd)
    for name in states:
        assert client.get(f"/api/live/{name}").status_code == 200
    for path in ("play/", f"compare/?runs={','.join([*states][:8])}"):
        assert client.get(f"/api/{path}").status_code == 200
    assert client.get("/api/play/saved").status_code in (400, 404)


def texts_of_the_form() -> set[str]:
    """What the form that starts a run says of presets, data and fields."""
    parts = ("architecture", "loss", "penalty", "optimizer")
    kinds = [registry.get(part, name) for part in parts for name in registry.names(part)]
    kinds += [Folder, Augment, Ema, Start, Train, Scoring, DoctorConfig]
    found = {text for kind in kinds for text in docstrings(kind).values()}
    found |= {row["about"] for row in (*presets(), *data_sets())}
    # What the form asks for in its own way.
    return found - {docstrings(Folder)["path"]}


def test_every_view_has_its_texts_in_every_language_and_its_module() -> None:
    english, *others = (texts(language) for language in LANGUAGES)
    for other in others:
        assert english.keys() <= other.keys()
        # What is English alone comes from elsewhere, such as names of findings.
        extra = {key.partition(".")[0] for key in other.keys() - english.keys()}
        assert extra <= {"fields", "findings"}
        assert all(f"findings.{name}" in other for name in registry.names("detector"))
        # A new part may come without; then its text is English there.
        told = texts_of_the_form()
        assert sum(f"fields.{text}" in other for text in told) > 0.9 * len(told)
        for key, text in english.items():
            holes = [part.partition("}")[0] for part in text.split("{")[1:]]
            assert all("{" + hole + "}" in other[key] for hole in holes), key
    for view in all_views():
        assert f"{view.name}.title" in english
        assert f"views/{view.name}.js" in server._files()
    # Whatever a module asks for is there.
    for name, file in server._files().items():
        if name.endswith(".js") and name != server.PLOTLY:
            for key in re.findall(r'\bt\("([^"]+)"', file.read_text()):
                assert key in english, (name, key)
    # A notebook has no server and no address: views ask `studio` and `addressed` for them.
    for name in ("views", "play", "compare", "game"):
        for file in (server.Path(server.__file__).parent / "static" / name).glob("*.js"):
            found = re.findall(
                r"location\.|(?:src|href): [`\"]/(?:api|static)|\.src = `", file.read_text()
            )
            assert not found, (file.name, found)


def test_fields_carry_type_range_and_meaning() -> None:
    config = api.configure("wgan-gp", "digits")
    fields = {field.path: field for field in fields_of(config)}
    critic = fields["train.n_critic"]
    assert (critic.value, critic.kind, critic.low, critic.high) == (5, "whole", 1, 10_000)
    assert critic.text == "Discriminator steps before each generator step."
    assert fields["doctor.mode"].choices == ("off", "advise", "treat")
    assert fields["augment.translation"].high == 0.5
    assert fields["penalties.0.weight"].low == 0
    assert fields["train.kimg"].high is None
    assert fields["train.compile"].kind == "flag"
    assert all(field.text for field in fields.values())


@pytest.mark.parametrize(
    "wanted",
    [
        {"preset": "gan", "minutes": 1.5},
        {"components": {"loss": "wasserstein", "arch": "mlp"}, "penalties": ["r1"], "kimg": 0.5},
        {"preset": "wgan-gp", "penalties": [], "changes": {"loss.clip": 0.01}},
        {
            "preset": "gan",
            "changes": {
                "arch.generator_widths": [32, 64],
                "train.compile": True,
                "ema.halflife": 123.456,
                "seed": 7,
                "optim_g.lr": 1e-05,
            },
        },
    ],
)
def test_the_command_makes_what_the_form_shows(
    wanted: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from saddlepoint.cli.main import main
    from saddlepoint.core.config_json import from_json, to_json

    order = Order({"data": "digits", **wanted}, tmp_path)
    assert shlex.split(order.command)[1:] == order.argv
    # The terminal agrees, and so does the way back from a configuration to the form.
    assert main([*order.argv, "--dry-run"]) == 0
    made = json.loads(capsys.readouterr().out)
    expected = to_json(order.config)
    kimg = wanted.get("kimg") or expected["train"]["kimg"]
    assert made == {**expected, "train": {**expected["train"], "kimg": kimg}}
    again = wanted_of(from_json(made))
    assert again is not None
    assert to_json(Order(again, tmp_path).config) == expected


def test_a_remedy_is_a_run_from_the_last_healthy_checkpoint_or_anew(
    client: TestClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from saddlepoint.cli.main import main

    studio = client.app.state.studio
    root, often = studio.library.root, {"train.tick_kimg": 0.128, "train.checkpoint_minutes": 0}
    run = sp.train("gan-points", "ring8", out=root / "a", kimg=0.64, changes=often, quiet=True)
    kept = [images_of(folder) for folder in run.checkpoints]
    rows = {row["images"]: row["step"] for row in run.history.rows}
    last = max(rows)
    ill = Finding(
        name="partial-mode-collapse",
        severity="fatal",
        at_images=last,
        since_step=rows[last],
        message="Some kinds of points are never made.",
        evidence=(),
        remedies=("sound-optimizers", "packing"),
    )
    run.append_finding({"event": "found", **ill.to_json()})
    url = "/api/live/a/remedies/partial-mode-collapse"
    found = client.get(url).json()
    healthy = max(images for images in rows if rows[images] < rows[last])
    assert (found["healthy"], found["start_images"]) == (
        healthy,
        max(k for k in kept if k <= healthy),
    )
    packing = next(one for one in found["remedies"] if one["name"] == "packing")
    assert packing["changes"] == {"arch.packing": [1, 3]}
    start = f"{run.path}@{found['start_images'] / 1000:g}"
    assert packing["start"] == start
    assert any("layers.0 starts anew" in sentence["en"] for sentence in packing["taken"])
    words = shlex.split(packing["command"])[1:]
    assert words[words.index("--from") + 1] == start
    assert words[words.index("--arch.packing") + 1] == "3"
    # The command is whole: it trains, from there.
    assert main([*words, "--quiet"]) == 0
    made = Run.open(words[words.index("--out") + 1])
    assert made.document["start"]["from"] == start
    capsys.readouterr()
    # The button starts that very command, under the next free name.
    studio.jobs._saddle = [sys.executable, "-c", "print('begun')"]
    begun = client.post(f"{url}/packing", json={}).json()
    assert begun["id"] != made.path.name
    command = shlex.split(studio.jobs.job(begun["job"])["command"])[1:]
    assert command[:-1] == words[:-1]
    wait_until(lambda: not studio.jobs.job(begun["job"])["running"])
    assert client.post(f"{url}/nonsense", json={}).status_code == 404
    assert client.post("/api/live/a/remedies/divergence/packing", json={}).status_code == 404
    # It came and went before: then nothing from after that is healthy, and there is no checkpoint.
    early = replace(ill, since_step=1, at_images=128)
    run.append_finding({"event": "found", **early.to_json()})
    run.append_finding({"event": "found", **ill.to_json()})
    anew = client.get(url).json()
    assert (anew["healthy"], anew["start_images"]) == (0, None)
    packing = next(one for one in anew["remedies"] if one["name"] == "packing")
    assert "--from" not in packing["command"]
    assert packing["taken"] == []


def test_over_the_network_no_model_is_named_by_its_path(tmp_path: Path) -> None:
    named = {"preset": "gan", "data": "digits", "changes": {"start.model": "/etc/passwd"}}
    with pytest.raises(InputError, match="on this machine only"):
        Order(named, tmp_path)
    assert "--from" in Order(named, tmp_path, paths=True).argv


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"preset": "dcgna"}, "did you mean 'dcgan'"),
        ({"data": "etc"}, "not one of the data sets"),
        ({"data": "/not/there"}, "no file or folder"),
        ({"data": "/dev/null"}, "/dev/null"),
        ({"data": "/" + 5000 * "x"}, "xxx"),
        ({"data": "/a\0b"}, "/a"),
        ({"data": "~nobody-of-this-name/x"}, "no such user"),
        ({"changes": {"train.n_critic": 0}}, "at least 1"),
        ({"changes": {"train.n_critci": 1}}, "train.n_critic"),
        ({"components": {"source": "folder"}}, "unknown field 'source'"),
        ({"minutes": -1}, "minutes"),
        ({"minutes": 1, "kimg": 1}, "kimg"),
    ],
)
def test_a_wrong_choice_is_a_sentence(wanted: dict, said: str, client: TestClient) -> None:
    answer = client.post("/api/start/check", json=wanted)
    assert answer.status_code == 200
    assert said in answer.json()["error"]["en"]
    answer = client.post("/api/start/begin", json=wanted)
    assert (answer.status_code, said in answer.json()["error"]["en"]) == (400, True)


def test_own_data_are_named_by_their_path_and_only_on_this_machine(
    tmp_path: Path, client: TestClient
) -> None:
    folder = tmp_path / "my photos"
    folder.mkdir()
    wanted = {"data": str(folder), "changes": {"source.size": 32}, "minutes": 1}
    answer = client.post("/api/start/check", json=wanted).json()
    command = shlex.split(answer["command"])
    assert command[1:5] == ["train", "dcgan", "--data", str(folder)]
    assert "--source.size" in command
    assert answer["name"] == "dcgan-my-photos-001"
    paths = [field["path"] for field in answer["fields"]]
    assert "source.size" in paths
    assert "source.path" not in paths
    order = Order({**wanted, "kimg": 1, "minutes": None}, tmp_path, paths=True)
    again = wanted_of(order.config)
    assert again is not None
    assert (again["data"], again["changes"]) == (str(folder), {"source.size": 32})
    # Over the network no path is looked at, whether or not it is there.
    app = server.create_app(tmp_path, "0.0.0.0", "secret")
    with TestClient(app, "http://192.168.1.5:8000") as far:
        far.cookies.set("saddle-studio", "secret")
        far.headers[TOKEN_HEADER] = app.state.studio.token
        assert far.get("/api/start/").json()["paths"] is False
        for data in (str(folder), "/not/there"):
            error = far.post("/api/start/check", json={"data": data}).json()["error"]["en"]
            assert "is the only data" in error
        asked = {"data": "digits", "changes": {"source.path": str(folder)}}
        assert "is the only data" in far.post("/api/start/check", json=asked).json()["error"]["en"]


SLEEPER = [
    sys.executable,
    "-c",
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *a: sys.exit(130));"
    "print('begun', *sys.argv[1:], flush=True); time.sleep(600)",
]


def test_a_job_outlives_the_studio_and_is_found_again(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, SLEEPER)
    number = jobs.start(["train", "a b"], "x")
    wait_until(lambda: "begun train a b" in jobs.log(number))
    job = jobs.job(number)
    assert (job["running"], job["code"], job["command"]) == (True, None, "saddle train 'a b'")
    pid = json.loads((tmp_path / ".studio" / number / "job.json").read_text())["pid"]
    # A session of its own: the terminal's Ctrl-C does not reach it.
    assert os.getsid(pid) == pid != os.getsid(0)
    later = Jobs(tmp_path, SLEEPER)
    assert later.job(number)["running"]
    assert later.newest_of("x") == later.job(number)
    assert not later.interrupt(number)
    assert jobs.interrupt(number)
    wait_until(lambda: not jobs.job(number)["running"])
    assert jobs.job(number)["code"] == 130
    assert not later.job(number)["running"]
    assert [job["job"] for job in jobs.all()] == [number]
    jobs.start(["again"], "x")
    assert jobs.all()[0]["job"] == str(int(number) + 1)
    assert jobs.interrupt(jobs.all()[0]["job"])
    wait_until(lambda: not jobs.all()[0]["running"])


def test_what_never_became_a_run_is_shown_with_its_reason(client: TestClient) -> None:
    studio = client.app.state.studio
    studio.jobs._saddle = [sys.executable, "-c", "print('error: no such thing'); exit(2)"]
    studio.jobs.start(["train"], "dcgan-digits-001")

    def line() -> dict:
        return client.get("/api/runs/").json()["runs"][0]

    wait_until(lambda: line()["state"] == "failed")
    assert line()["error"]["en"] == "error: no such thing"
    answer = client.get("/api/live/dcgan-digits-001").json()
    assert "no such thing" in answer["log"]
    assert answer["pending"]
    # A run that is deleted does not come back as one that never was; the next of its name does.
    run = make_run(studio.library.root / "dcgan-digits-001")
    studio.library.forget()
    assert "pending" not in line()
    studio.trash.take(run)
    studio.library.forget()
    assert client.get("/api/runs/").json()["runs"] == []
    time.sleep(0.02)
    studio.jobs.start(["train"], "dcgan-digits-001")
    wait_until(lambda: line()["state"] == "failed")


def test_a_run_that_still_writes_its_page_is_waited_for(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = client.app.state.studio.library.root
    states = {"a": "interrupted", "b": "running", "c": "interrupted"}
    run, *others = [make_run(root / name, state) for name, state in states.items()]
    with ExitStack() as writing:
        writing.enter_context(run.lock())
        ending = threading.Timer(0.5, writing.close)
        ending.start()
        answer = client.post("/api/runs/a/delete", json={})
        ending.join()
    assert answer.status_code == 200, answer.text
    assert not run.path.exists()
    monkeypatch.setattr(held, "WRITING_SECONDS", 0.2)
    for run in others:
        with run.lock():
            assert client.post(f"/api/runs/{run.path.name}/delete", json={}).status_code == 400
        assert run.path.exists()


def test_findings_are_told_in_the_language_of_the_page(client: TestClient) -> None:
    run = make_run(client.app.state.studio.library.root / "a")
    finding = {"event": "found", "name": "weak-discriminator", "severity": "warn"}
    finding |= {"at_images": 900, "since_step": 2, "remedies": ["strengthen-loser"]}
    evidence = {"name": "auc", "value": 0.5, "healthy": [0.6, 1.0], "note": COLUMNS["auc"]}
    message = (
        "The discriminator is too weak: it hardly tells fakes from real images (AUC 0.52), although"
        " they differ plainly, so the generator has nothing to learn from."
    )
    run.append_finding({**finding, "evidence": [evidence], "message": message})

    def told(language: str) -> tuple[str, str]:
        headers = {"accept-language": f"{language}-XX,en;q=0.5"}
        found = client.get("/api/live/a", headers=headers).json()["found"][0]
        return found["message"], found["evidence"][0]["note"]

    assert told("en") == told("fr") == (message, COLUMNS["auc"])
    said, note = told("vi")
    assert said.startswith("Discriminator quá yếu")
    assert "(AUC 0,52)" in said
    assert note.startswith("xác suất một ảnh thật")


def test_runs_are_stopped_resumed_and_extended_by_the_command_line(client: TestClient) -> None:
    studio = client.app.state.studio
    run = make_run(studio.library.root / "a", "running")
    studio.jobs._saddle = SLEEPER
    assert client.post("/api/runs/a/resume", json={}).status_code == 400
    assert client.post("/api/runs/a/stop", json={}).status_code == 200
    assert run.take_control() == {"stop": True}
    run.write_status("interrupted", 1000)
    assert "not training" in client.post("/api/runs/a/stop", json={}).json()["error"]["en"]
    assert client.post("/api/runs/a/resume", json={"minutes": -1}).status_code == 400
    job = client.post("/api/runs/a/resume", json={"minutes": 2.5}).json()["job"]
    assert studio.jobs.job(job)["command"] == f"saddle resume {run.path} --minutes 2.5"
    # Its own process is told at once, by a signal.
    run.write_status("running", 1000)
    wait_until(lambda: "begun" in studio.jobs.log(job))
    client.post("/api/runs/a/stop", json={})
    wait_until(lambda: studio.jobs.job(job)["code"] == 130)
    assert run.take_control() == {}


def test_a_deleted_run_can_be_taken_back(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "WRITING_SECONDS", 0.3)
    library = client.app.state.studio.library
    root = library.root
    run = make_run(root / "lab" / "a")
    with run.lock():
        refused = client.post("/api/runs/lab.a/delete", json={}).json()
        assert "is being written" in refused["error"]["en"]
    number = client.post("/api/runs/lab.a/delete", json={}).json()["trash"]
    assert client.get("/api/runs/").json()["runs"] == []
    make_run(root / "lab" / "a")
    library.forget()
    back = f"/api/runs/trash/{number}/restore"
    assert "exists again" in client.post(back, json={}).json()["error"]["en"]
    other = client.post("/api/runs/lab.a/delete", json={}).json()["trash"]
    assert other != number
    assert client.post(back, json={}).status_code == 200
    assert Run.open(run.path).status["state"] == "finished"
    assert client.post(back, json={}).status_code == 404
    with pytest.raises(InputError, match="delete it yourself"):
        Trash(run.path).take(run)


def test_a_history_is_read_once_as_it_grows(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    histories = Histories()
    columns, complete = histories.of(run)
    assert (len(columns), complete) == (1, True)
    for step in range(2, 5):
        append_row(run.metrics_file, {"images": 1000 * step, "step": step, "fid": float(step)})
    with open(run.metrics_file, "ab") as file:
        file.write(b'{"images": 5000, "st')
    columns, _ = histories.of(run)
    assert columns["images"].tolist() == [1000, 2000, 3000, 4000]
    assert np.isnan(columns["fid"]).tolist() == [True, False, False, False]
    assert np.isnan(columns["loss_d"]).tolist() == [False, True, True, True]
    with open(run.metrics_file, "ab") as file:
        file.write(b'ep": 5}\nnot json\n')
    columns, _ = histories.of(run)
    assert columns["step"].tolist()[-1] == 5
    assert np.array_equal(columns["images"], run.history["images"])
    # A resume writes the file again, shorter.
    run.rewind(2000)
    columns, _ = histories.of(run)
    assert columns["images"].tolist() == [1000, 2000]
    run.metrics_file.unlink()
    assert len(histories.of(run)[0]) == 0


def test_of_a_long_history_an_overview_comes_first(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = client.app.state.studio
    run, url = make_run(studio.library.root / "a"), "/api/live/a/figures"
    for step in range(2, 401):
        append_row(run.metrics_file, {"images": 1000 * step, "step": step, "loss_d": 1.0})
    with monkeypatch.context() as patch:
        patch.setattr("saddlepoint.studio.histories.SECONDS", 0.0)
        patch.setattr("saddlepoint.studio.histories.MOST_POINTS", 40)
        columns, complete = studio.histories.of(run)
        assert not complete
        assert 30 <= len(columns) <= 40
        images = columns["images"]
        assert (images[0], images[-1] > 380_000) == (1000, True)
        assert max(np.diff(images)) < 25_000
        answer = client.get(url).json()
        assert (answer["complete"], bool(answer["figures"])) == (False, True)
        assert client.get(f"{url}?drawn").json() == {"complete": False, "figures": []}
    columns, complete = studio.histories.of(run)
    assert complete
    assert np.array_equal(columns["step"], run.history["step"])
    assert client.get(f"{url}?drawn").json()["complete"]


def test_a_million_points_are_drawn_with_two_thousand_and_no_spike_is_lost() -> None:
    values = np.sin(np.arange(1_000_000) / 1e5)
    values[[123_456, 700_001]] = 50.0, -50.0
    shown = np.ones(len(values), bool)
    shown[:1000] = False
    places = thinned(values, shown)
    assert len(places) <= MOST_POINTS + 2
    assert {1000, 123_456, 700_001, 999_999} <= set(places.tolist())
    assert (np.diff(places) > 0).all()
    assert thinned(values[:1500], shown[:1500]).tolist() == list(range(1000, 1500))


def test_the_server_ends_with_ctrl_c_and_says_why_it_cannot_begin(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "saddlepoint", "studio", str(tmp_path)]
    studio = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True)
    assert studio.stderr is not None
    port = re.findall(r"127\.0\.0\.1:(\d+)", studio.stderr.readline())[0]
    second = Saddle("studio", tmp_path, "--port", port)
    assert second.wait() == 2
    assert "give another --port" in second.err
    # Not before it is up: it says where it is first.
    with socket.create_connection(("127.0.0.1", int(port)), PATIENCE) as client:
        client.sendall(b"GET /runs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
    studio.send_signal(signal.SIGINT)
    assert "has stopped" in studio.communicate(timeout=PATIENCE)[1]
    assert studio.returncode == 0


def test_what_changes_is_told_to_every_tab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> list[bytes]:
        studio = Studio.over(tmp_path)
        studio.events.begin()
        queue = studio.events.open("tab-00001", "")
        watching = asyncio.create_task(watch.watch(studio))
        told = [await queue.get()]
        while studio.library._listed < 0:  # it has to have looked once before there is a change
            await asyncio.sleep(0.01)
        run = make_run(tmp_path / "a", "running")
        told.append(await queue.get())
        run.write_status("finished", 2000)
        while b"finished" not in told[-1]:
            told.append(await queue.get())
        studio.trash.take(run)
        while b"gone" not in told[-1]:
            told.append(await queue.get())
        watching.cancel()
        return told

    monkeypatch.setattr(watch, "_SECONDS", 0.02)
    monkeypatch.setattr(library, "_AGE", 0)
    told = run_alone(asyncio.wait_for(story(), PATIENCE))
    assert b'"state": "running"' in told[1]
    assert b'{"id": "a"}' in told[-1]

"""The studio's page *Play* from its server's side: pictures that a command line makes again,
uploads of every kind, latents that are found, neighbours."""

from __future__ import annotations

import base64
import io
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _forked import PATIENCE, wait_until
from PIL import Image
from starlette.testclient import TestClient
from test_prepare_odd_files import png_header

import saddlepoint as sp
from saddlepoint.cli.main import main
from saddlepoint.core.errors import RunFailed
from saddlepoint.core.images import png_bytes
from saddlepoint.core.json_files import write_json
from saddlepoint.core.provenance import training_data
from saddlepoint.core.runs import Run
from saddlepoint.data.sources.digits import Digits
from saddlepoint.evaluation.choose import choose_extractor
from saddlepoint.evaluation.nearest import nearest_training
from saddlepoint.sampling.latent_files import read_latents
from saddlepoint.sampling.sampler import load_sampler
from saddlepoint.studio import server
from saddlepoint.studio.guard import TOKEN_HEADER
from saddlepoint.studio.play import models, slow, uploads
from saddlepoint.studio.play.background import Background, Ended
from saddlepoint.studio.play.models import Models
from saddlepoint.studio.play.wish import write_latent
from saddlepoint.studio.views.play import MOST_BYTES

TINY = {"arch.generator_width": 8, "arch.discriminator_width": 8, "train.batch_size": 16}
RUNS = {"classes": "cgan-every-layer", "plain": "dcgan"}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of its own, which holds the classifier of the digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        choose_extractor("classifier", Digits().open())
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, cache: None) -> Path:
    folder = tmp_path_factory.mktemp("play") / "runs"
    for name, preset in RUNS.items():
        sp.train(preset, "digits", out=folder / name, kimg=0.1, changes=TINY, quiet=True)
    points = Run(folder / "points")
    points.checkpoints_folder.mkdir(parents=True)
    data = {"name": "ring8", "spec": {"shape": [2]}}
    write_json(points.config_file, {"schema": 1, "config": {"preset": "gan-points"}, "data": data})
    return folder


@pytest.fixture
def client(runs: Path) -> Iterator[TestClient]:
    app = server.create_app(runs)
    with TestClient(app, "http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        client.headers[TOKEN_HEADER] = app.state.studio.token
        yield client


def found(client: TestClient, content: bytes, run: str = "classes", **query: str) -> dict[str, Any]:
    begun = client.post(f"/api/play/{run}/project", content=content, params=query)
    assert begun.status_code == 200, begun.text
    answer: dict[str, Any] = {}

    def ended() -> bool:
        answer.update(client.get(f"/api/play/-search/{begun.json()['search']}").json())
        return answer["state"] not in ("searching", "learning")

    wait_until(ended, "the search does not end")
    return answer


LATENT = {"latent": write_latent(torch.linspace(-1, 1, 16))}
FILMS = ("gif", *(["mp4"] if find_spec("av") else []))
WISHES: list[tuple[str, dict[str, str]]] = [
    ("plain", {}),
    ("plain", {"seeds": "7,3,20-22", "truncation": "0.6", "move": "1:1.5,3:-0.35"}),
    ("plain", {**LATENT, "seeds": "4-6", "move": "2:0.1"}),
    ("classes", {"seeds": "0-5"}),
    ("classes", {"seeds": "0-3", "labels": "4", "move": "1:2"}),
    ("classes", {"seeds": "9,2", "mix": "3:0.65,8:0.35", "move": "1:-1", "truncation": "0.9"}),
    ("classes", {**LATENT, "latent-label": "6", "seeds": "1,2"}),
    ("classes", {**LATENT, "latent-label": "6", "seeds": "1,2", "mix": "1:0.5,0:0.5"}),
]


@pytest.mark.parametrize(("run", "wish"), WISHES)
def test_every_command_line_makes_the_same_picture(
    run: str,
    wish: dict[str, str],
    client: TestClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    base = f"/api/play/{run}"
    grid = client.get(f"{base}/images", params=wish).json()
    one = client.get(f"{base}/one", params={**wish, "at": 1}).json()
    walk = client.get(f"{base}/walk", params={**wish, "from": 0, "to": 1}).json()
    wanted = [(grid["command"], "png", {}), (one["command"], "png", {"at": 1})]
    # Films take their time: those of the longest commands stand for all.
    for kind in ("png", *(FILMS if {"latent", "mix"} & wish.keys() else ())):
        command = walk["command"].replace("walk.gif", f"walk.{kind}")
        wanted.append((command, kind, {"from": 0, "to": 1}))
    for command, kind, places in wanted:
        for reads in {word for word in shlex.split(command) if word.endswith("-latents.npz")}:
            file = client.get(f"{base}/file.npz", params={**wish, **places})
            (tmp_path / reads).write_bytes(file.content)
        given = client.get(f"{base}/file.{kind}", params={**wish, **places})
        assert given.status_code == 200
        assert given.headers["content-disposition"] == "attachment"
        argv = shlex.split(command)[1:]
        assert main(argv) == 0
        assert Path(argv[-1]).read_bytes() == given.content, command


def test_the_page_shows_what_the_model_draws(client: TestClient, runs: Path) -> None:
    sampler = load_sampler(runs / "classes")
    about = client.get("/api/play/classes").json()
    assert (about["shape"], about["classes"][3], about["mixes"]) == ([1, 8, 8], "3", True)
    assert about["run"]["title"] == "cgan-every-layer · digits"
    answer = client.get("/api/play/classes/images?seeds=3,5&labels=7&at=1").json()
    assert (answer["seeds"], answer["labels"]) == (["3", "5"], [7, 7])
    assert np.array_equal(pixels(answer["sheet"]), sampler.images([3, 5], [7]).reshape(16, 8))
    assert len(answer["shares"]) == 10
    assert answer["shares"] == sorted(answer["shares"], reverse=True)
    walk = client.get("/api/play/classes/walk?seeds=3,5&from=1&to=0").json()
    frames = sampler.interpolate([5, 3], steps=16, loop=True)
    assert np.array_equal(pixels(walk["sheet"]), frames.reshape(-1, 8))
    listed = client.get("/api/play/").json()
    assert [run["id"] for run in listed["runs"]] == ["classes", "plain"]
    assert listed["others"] == 1


def pixels(address: str) -> np.ndarray:
    content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)))


BAD: list[tuple[str, int, str]] = [
    ("plain/images?seeds=x", 400, "--seeds"),
    ("plain/images?seeds=0-64", 400, "more than 64"),
    ("plain/images?seeds=0-9999999", 400, "more than 64"),
    ("plain/images?seeds=99999999999999999999", 400, "--seeds"),
    ("plain/images?truncation=0", 400, "--truncation"),
    ("plain/images?truncation=nan", 400, "--truncation"),
    ("plain/images?truncation=x", 400, "--truncation"),
    ("plain/images?move=1:nan", 400, "--move"),
    ("plain/images?move=99:1", 400, "--move"),
    ("plain/images?move=1", 400, "--move"),
    ("plain/images?mix=1:1", 400, "--mix"),
    ("plain/images?labels=1", 400, "unconditional"),
    ("plain/images?at=-1", 400, "at="),
    ("classes/images?labels=99", 400, "--labels 99"),
    ("classes/images?labels=x", 400, "--labels"),
    ("classes/images?labels=1&mix=1:1", 400, "choose one"),
    ("classes/images?latent=!!", 400, "latent"),
    ("classes/images?latent=AAAA", 400, "latent"),
    ("classes/images?latent=AADAfwAAwH8", 400, "16"),
    ("classes/images?latent=AAAA&latent-label=99", 400, "latent"),
    ("classes/one?at=24", 400, "24 images"),
    ("classes/walk?from=0&to=99", 400, "24 images"),
    ("classes/file.exe", 400, "'exe'"),
    ("classes/file.mp4", 400, "one image to one other"),
    ("classes/file.gif?at=1", 400, "one image to one other"),
    ("classes/nearest?at=99", 400, "24 images"),
    ("classes/images?checkpoint=..", 404, "no such checkpoint"),
    ("classes/images?checkpoint=%2e%2e%2f000000k100", 404, "no such checkpoint"),
    ("points", 404, "no checkpoint"),
    ("-search/..", 404, ""),
    ("-search/unknown", 404, "no longer known"),
]


@pytest.mark.parametrize(("path", "status", "said"), BAD)
def test_nonsense_is_a_sentence(path: str, status: int, said: str, client: TestClient) -> None:
    answer = client.get(f"/api/play/{path}")
    assert (answer.status_code, said in answer.json()["error"]["en"]) == (status, True), answer.text
    assert len(answer.json()["error"]["en"]) < 300
    assert "Traceback" not in answer.text


def odd_files() -> dict[str, bytes]:
    """The kinds of the odd-files suite that are no usable picture."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    good, jpeg, animated = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Image.fromarray(noise).save(good, "PNG")
    Image.fromarray(noise).save(jpeg, "JPEG")
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(animated, "TIFF")
    png = good.getvalue()
    return {
        "empty": b"",
        "text": b"no image at all",
        "script": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "page": b"<!doctype html><script>fetch('/api/runs/')</script>",
        "pickle": b"\x80\x04\x95cposix\nsystem\n(S'id'\ntR.",
        "zip": b"PK\x03\x04" + bytes(200),
        "cut.png": png[:-60],
        "cut.jpg": jpeg.getvalue()[:-2000],
        "broken.png": png[:45] + bytes(20) + png[65:],
        "bomb.png": png_header(30_000, 30_000),
        "vast.png": png_header(12_000, 12_000),
        "nan.tif": animated.getvalue(),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "zeros": bytes(5000),
    }


@pytest.mark.parametrize("name", odd_files())
def test_an_odd_upload_is_refused_in_a_sentence_and_nothing_stops(
    name: str, client: TestClient, tmp_path: Path
) -> None:
    answer = client.post(
        "/api/play/plain/project", content=odd_files()[name], params={"name": name}
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["en"].startswith("This picture cannot be used")
    assert len(answer.json()["error"]["en"]) < 200
    assert "/" not in answer.json()["error"]["en"]
    assert client.get("/api/play/plain").status_code == 200


def test_uploads_need_the_token_and_have_a_size(client: TestClient) -> None:
    path = "/api/play/plain/project"
    assert client.post(path, content=b"x", headers={TOKEN_HEADER: "wrong"}).status_code == 403
    assert client.get(path).status_code == 405
    answer = client.post(path, content=b"x" * (MOST_BYTES + 1))
    assert (answer.status_code, "20,971,520 bytes" in answer.json()["error"]["en"]) == (413, True)
    pieces = (b"x" * 2**20 for _ in range(40))
    assert client.post(path, content=pieces).status_code == 413
    for run in ("..", "%2e%2e%2fplain", "nobody", "points"):
        assert client.post(f"/api/play/{run}/project", content=b"x").status_code in (404, 405)
    assert client.post("/api/play/-search/unknown/stop", json={}).status_code == 404


def test_a_picture_is_found_as_by_the_command_and_one_goes_on_from_there(
    client: TestClient, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(uploads, "STEPS", 30)
    real_project = uploads.project
    monkeypatch.setattr(uploads, "project", lambda *a, **k: real_project(*a, steps=30, **k))
    image = load_sampler(runs / "classes").images([11], [4])[0]
    Path("my four;rm.png").write_bytes(png_bytes(image))
    answer = found(client, png_bytes(image), name="my four;rm.png")
    assert answer["state"] == "found", answer
    assert len(answer["curve"]) == 31
    argv = shlex.split(answer["command"])[1:]
    assert main([*argv, "--steps", "30", "--quiet"]) == 0
    z, labels = read_latents(Path("my four;rm-projected/latents.npz"))
    assert (write_latent(z[0]), labels) == (answer["latent"], [answer["label"]])
    # It stands first, moves with the others and is walked from.
    wish = {"latent": answer["latent"], "latent-label": str(answer["label"]), "seeds": "0,1"}
    plain = client.get("/api/play/classes/images", params=wish).json()
    assert (plain["seeds"], plain["labels"][0]) == ([None, "0", "1"], answer["label"])
    assert np.array_equal(pixels(plain["sheet"])[:8], pixels(answer["image"]))
    moved = client.get("/api/play/classes/images", params={**wish, "move": "1:2"}).json()
    assert moved["sheet"] != plain["sheet"]
    walk = client.get("/api/play/classes/walk", params={**wish, "from": 0, "to": 2})
    assert np.array_equal(pixels(walk.json()["sheet"])[:8], pixels(answer["image"]))


def test_a_search_is_stopped_and_one_that_nobody_asks_about_ends(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_project = uploads.project
    monkeypatch.setattr(uploads, "project", lambda *a, **k: real_project(*a, steps=100_000, **k))
    picture = png_bytes(np.zeros((8, 8, 1), np.uint8))

    def begin() -> str:
        answer = client.post("/api/play/plain/project", content=picture)
        assert answer.status_code == 200, answer.text
        return answer.json()["search"]

    keys = [begin() for _ in range(uploads.MOST_RUNNING)]
    refused = client.post("/api/play/plain/project", content=picture)
    assert (refused.status_code, "wait" in refused.json()["error"]["en"]) == (409, True)
    assert client.post(f"/api/play/-search/{keys[0]}/stop", json={}).status_code == 200
    threads = [uploads.SEARCHES.of(key).thread for key in keys]
    threads[0].join(PATIENCE)
    assert client.get(f"/api/play/-search/{keys[0]}").json()["state"] == "stopped"
    monkeypatch.setattr(uploads, "FORSAKEN", 0.0)
    threads[1].join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    # A fault of its own is told, but not its details.
    monkeypatch.setattr(uploads, "project", lambda *a, **k: 1 / 0)
    monkeypatch.setattr("threading.excepthook", lambda args: None)
    answer = found(client, picture, "plain")
    assert (answer["state"], answer["error"]["en"]) == ("failed", uploads.FAULT)


def test_the_nearest_training_image(client: TestClient, runs: Path) -> None:
    query = "seeds=0-5&at=2&labels=3"
    answer: dict[str, Any] = {}

    def is_found() -> bool:
        answer.update(client.get(f"/api/play/classes/nearest?{query}").json())
        return answer["state"] == "found"

    wait_until(is_found, "the nearest image is not found")
    run = Run(runs / "classes")
    train = training_data(run)
    extractor, said = choose_extractor("auto", train)
    image = load_sampler(run.path).images([2], [3])
    near = nearest_training(image, train, extractor, 1)
    assert (answer["index"], answer["features"]["en"]) == (near.index[0, 0], said)
    assert answer["ratio"] == pytest.approx(near.ratio[0])
    assert np.array_equal(pixels(answer["image"]), near.images[0, 0, :, :, 0])
    apart = np.sqrt(np.mean((image[0].astype(float) - near.images[0, 0]) ** 2))
    assert answer["apart"] == pytest.approx(apart, abs=0.01)
    assert "--seeds 2 --labels 3 --nearest" in answer["command"]


def test_no_more_models_than_two_stay_open_and_a_lost_one_is_said(
    client: TestClient, runs: Path, tmp_path: Path
) -> None:
    kept = Models()
    run = Run(runs / "plain")
    first = kept.of(run, "")
    assert kept.of(run, first.checkpoint.name) is first
    for name in ("classes", "plain", "classes"):
        kept.of(Run(runs / name), "")
        assert len(kept._open) <= models.KEPT
    newest = run.checkpoints[-1]
    newest.rename(tmp_path / "gone")
    answer = client.get(f"/api/play/plain/images?checkpoint={newest.name}")
    (tmp_path / "gone").rename(newest)
    assert (answer.status_code, "any more" in answer.json()["error"]["en"]) == (404, True)


def test_while_it_trains_the_command_names_the_checkpoint(client: TestClient, runs: Path) -> None:
    run = Run(runs / "plain")
    before = run.status_file.read_bytes()
    status = run.status
    write_json(run.status_file, {**status, "state": "running"})
    command = client.get("/api/play/plain/images").json()["command"]
    run.status_file.write_bytes(before)
    assert f"{run.checkpoints[-1]} --seeds" in command
    assert f"{run.path} --seeds" in client.get("/api/play/plain/images").json()["command"]


def test_what_computes_ends_before_the_studio_does() -> None:
    work, ended = Background(), []

    def compute() -> None:
        try:
            while True:
                work.check()
        except Ended:
            ended.append("in time")

    thread = work.begin(compute)
    work.end()
    assert (thread.is_alive(), ended) == (False, ["in time"])


def test_slow_work_is_done_by_a_process_of_its_own() -> None:
    said = []

    def load(progress: Any) -> str:
        if not said:
            progress("training", 0, 1)
        return "loaded"

    assert slow.from_cache(load, ["--version"], lambda: said.append("wait")) == "loaded"
    assert said == ["wait"]
    said.clear()
    with pytest.raises(RunFailed, match=r"`saddle no-such-verb`, .* failed: error: "):
        slow.from_cache(load, ["no-such-verb"], lambda: None)

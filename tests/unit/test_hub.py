"""A model hub: the real client of Hugging Face against a small hub on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, constants

import saddlepoint as sp
from saddlepoint.cli.main import main
from saddlepoint.core.errors import InputError
from saddlepoint.sampling.hub import model_path

TINY = {"arch.generator_width": 8, "arch.discriminator_width": 8, "train.batch_size": 16}
REPO, TOKEN = "somebody/digits-gan", "hf_right"


class Hub(BaseHTTPRequestHandler):
    """Repositories in memory, by the paths of the real hub that the client asks for."""

    server: Any

    def do_HEAD(self) -> None:
        self._file(body=False)

    def do_GET(self) -> None:
        self._file(body=True)

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._json({"error": "Invalid credentials"}, 401)
        if self.path == "/api/repos/create":
            wanted = json.loads(sent)
            known = REPO in self.server.private
            # Clients before 2 say it with a boolean.
            private = wanted.get("private") or wanted.get("visibility") == "private"
            self.server.private.setdefault(REPO, private)
            return self._json({"url": f"{self.server.url}/{REPO}"}, 409 if known else 200)
        if self.path == f"/api/models/{REPO}/preupload/main":
            names = [file["path"] for file in json.loads(sent)["files"]]
            how = {"uploadMode": "regular", "shouldIgnore": False}
            return self._json({"files": [{"path": name, **how} for name in names]})
        assert self.path == f"/api/models/{REPO}/commit/main"
        files: dict[str, bytes] = {}
        for line in map(json.loads, sent.splitlines()):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        oid = hashlib.sha1(sent).hexdigest()
        self.server.commits[oid] = self.server.commits["main"] = {**self.server.newest(), **files}
        self.server.head, page = oid, f"{self.server.url}/{REPO}/commit/{oid}"
        return self._json({"success": True, "commitOid": oid, "commitUrl": page})

    def _file(self, body: bool) -> None:
        self.server.asked.append(self.path)
        name, _, rest = self.path.lstrip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        files = self.server.commits.get(revision, {}) if name == REPO else {}
        if file not in files:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if name == REPO else "RepoNotFound")
            self.end_headers()
            return
        content = files[file]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", self.server.head if revision == "main" else revision)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _json(self, document: Any, status: int = 200) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None: ...


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hub)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.private: dict[str, bool] = {}
        self.commits: dict[str, dict[str, bytes]] = {}
        self.head = ""

    def newest(self) -> dict[str, bytes]:
        return self.commits.get("main", {})


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Everything of the client's own lies in the test's folder."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        template = "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.chdir(tmp_path)
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "run"
    sp.train("cgan-onehot", "digits", kimg=0.032, out=out, changes=TINY, quiet=True)
    return out


def test_what_is_pushed_comes_back_and_is_the_same(
    hub: Server, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"export {trained} --format safetensors --out model"
    assert main(command.split()) == 0
    assert hub.asked == []  # nothing is sent without being asked
    assert main([*command.replace("model", "sent").split(), "--push", REPO, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out[out.index("{") :]) == {"out": "sent"}
    assert f"Sent to {hub.url}/{REPO}." in err
    assert hub.private == {REPO: True}
    assert hub.newest() == {path.name: path.read_bytes() for path in Path("model").iterdir()}
    ModelCard(hub.newest()["README.md"].decode())  # the hub's own reader takes it

    hub.asked.clear()
    assert main(["sample", f"hf://{REPO}", "--out", "a.png"]) == 0
    assert f"hf://{REPO}@{hub.head} is fixed" in capsys.readouterr().err
    fetched = [path for path in hub.asked if not path.startswith("/api/")]
    assert fetched
    assert all(path.endswith("/model.safetensors") for path in fetched)
    assert main(["sample", str(trained), "--out", "b.png"]) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()

    # A pinned revision needs no hub once it is here, and stays what it was.
    pinned = f"hf://{REPO}@{hub.head}"
    hub.commits["main"] = {"model.safetensors": b"something else"}
    hub.head = "f" * 40
    sp.sample(pinned, "c.png")
    assert Path("c.png").read_bytes() == Path("b.png").read_bytes()
    assert main(["sample", f"hf://{REPO}", "--out", "d.png"]) == 2
    assert "is damaged" in capsys.readouterr().err


def test_one_file_is_pushed_as_it_is(hub: Server, trained: Path) -> None:
    out = sp.export(trained, "net.pt", format="torchscript", push=REPO)
    assert hub.newest() == {"net.pt": out.read_bytes()}
    hub.commits["main"] = {"model.safetensors": b"PK a pickle"}
    with pytest.raises(InputError, match="pickles can run any code"):
        sp.sample(f"hf://{REPO}", "grid.png")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("hf://nobody/nothing", "hf://nobody/nothing ("),
        (f"hf://{REPO}", f"hf://{REPO} ("),
        ("hf://a", "is not the address of a model; write hf://owner/name[@revision]."),
        ("hf://../..", "is not the address"),
        (f"hf://{REPO}/../x", "is not the address"),
    ],
)
def test_what_is_not_there_is_one_sentence(hub: Server, address: str, said: str) -> None:
    hub.commits["main"], hub.head = {"README.md": b""}, "0" * 40
    with pytest.raises(InputError) as error:
        model_path(address)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_who_may_not_write_is_told_how_to_log_in(
    hub: Server, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    command = f"export {trained} --format safetensors --out model --push {REPO}"
    assert main(command.split()) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "model is written, but was not sent" in said
    assert "hf auth login" in said
    assert hub.newest() == {}


def test_a_hub_that_is_not_there_is_no_fault_of_the_user(
    hub: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert main(["sample", f"hf://{REPO}", "--out", "a.png"]) == 1
    assert capsys.readouterr().err.startswith(f"failed: hf://{REPO} (")


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'saddlepoint\[hub\]'"):
        sp.sample("hf://a/b", "grid.png")
    with pytest.raises(InputError, match=r"pip install 'saddlepoint\[hub\]'"):
        sp.export("run", "model", format="safetensors", push="a/b")

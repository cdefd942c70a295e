"""The widgets' side of the process: what they hold, what they answer, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from _forked import wait_until

import saddlepoint as sp
from saddlepoint import notebook
from saddlepoint.core.errors import InputError
from saddlepoint.core.json_files import dumps


def asked(method: str, address: str, **body: object) -> dict[str, str]:
    return {
        "id": "1",
        "method": method,
        "address": address,
        "body": json.dumps(body) if body else "",
    }


def test_a_game_is_answered_and_nothing_else_is_needed_for_its_page() -> None:
    widget = notebook.game("http://127.0.0.1:8000/game?seed=3&moves=b2", lang="vi")
    assert widget.script == "seed=3&moves=b2"
    move = {"name": "12345678", "game": "seed=3&moves=b2", "at": 2, "measure": False, "label": 0}
    said, (body,) = widget.answer(asked("POST", "/api/game/play", **move))
    assert said == {"id": "1", "status": 200}
    assert json.loads(body)["at"] == 2
    # A mistake is answered with the studio's own sentence.
    said, (body,) = widget.answer(asked("POST", "/api/game/play", **{**move, "at": 7}))
    assert said["status"] == 400
    assert "at=7 lies outside" in json.loads(body)["error"]["en"]
    assert widget.answer(asked("GET", "/etc/passwd"))[0]["status"] == 404

    modules = widget._modules
    assert "views/game.js" in modules
    assert not {"studio.js", "frame.js", "views/live.js"} & modules.keys()
    assert "globalThis.saddlepoint" in modules["server.js"]
    assert dumps("Trò chơi") in modules["texts.js"]


def test_what_a_run_writes_is_shown_without_being_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saddlepoint.notebook import widget as widgets

    monkeypatch.setattr(widgets, "SECONDS", 0.02)
    widget = notebook.watch(tmp_path / "run")
    assert widget._known == {}
    small = {"train.tick_kimg": 0.5, "train.sample_kimg": 0.5}
    run = sp.train("gan-points", "ring8", out=tmp_path / "run", kimg=1, changes=small, quiet=True)
    address = f"/api/live/{widget._rest}"

    def finished() -> bool:
        return widget._known.get(address, {}).get("state") == "finished"

    wait_until(finished, "the run is not shown")
    names = [one["name"] for one in widget._known[f"{address}/figures"]["figures"]]
    assert {"losses", "logits"} <= set(names)
    newest = run.samples[-1]
    assert widget._known[f"{address}/samples/{newest.name}"][1:4] == b"PNG"
    assert widget._files["/static/plotly.min.js"]
    widget.close()

    again = notebook.watch(run)
    assert again._known.keys() == widget._known.keys()
    again.close()


def test_what_cannot_be_shown_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="is a file; give the folder of a run"):
        notebook.watch(file)
    with pytest.raises(InputError, match="lang='xx' is not one of en, vi"):
        notebook.game(lang="xx")
    for height, said in (
        (3, "height 3 must be at least 200"),
        ("x", "height='x' must be"),
        (None, "height"),
    ):
        with pytest.raises(InputError, match=said):
            notebook.game(height=height)
    for script in (7, None, b"seed=3"):
        with pytest.raises(InputError, match="script="):
            notebook.game(script)
    for run in (7, None, b"run"):
        with pytest.raises(InputError, match=r"run=.* must be a run, or the path"):
            notebook.watch(run)
    with pytest.raises(InputError, match="nothing"):
        notebook.game("seed=3&nothing=5")
    with pytest.raises(InputError, match="zzz"):
        notebook.game("moves=zzz&at=3")
    monkeypatch.setitem(__import__("sys").modules, "saddlepoint.notebook.widget", None)
    with pytest.raises(InputError, match=r'pip install "saddlepoint\[notebook\]"'):
        notebook.game()

"""The studio in Vietnamese: what its server answers holds no English sentence, and there is no text
that nobody shows."""

from __future__ import annotations

import ast
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from test_report_languages import ENGLISH
from test_studio import make_run

from saddlepoint.core.findings import Evidence, Finding
from saddlepoint.core.runs import Run
from saddlepoint.diagnosis.columns import COLUMNS
from saddlepoint.reporting.figures import drawn
from saddlepoint.reporting.strings import texts_in, words_in
from saddlepoint.studio import server
from saddlepoint.studio.guard import TOKEN_HEADER

SRC = Path(server.__file__).parents[1]
RAISED = {"InputError", "RunFailed", "NotFound", "refusal", "_explain"}
QUOTED = {"en", "log", "command", "commands", "unscored", "trash"}
"""Fields of answers that are not read as prose: command lines, what a process printed, and the
English beside another language."""


def holes(node: ast.expr) -> str:
    """A literal with `{}` in the places of its values."""
    if isinstance(node, ast.JoinedStr):
        parts = (v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)
        return "".join(map(str, parts))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


PYTHON = {file: file.read_text() for file in SRC.rglob("*.py")}
NODES = {file: list(ast.walk(ast.parse(text))) for file, text in PYTHON.items()}
LITERALS = {holes(n) for nodes in NODES.values() for n in nodes if isinstance(n, ast.expr)} - {""}


def test_every_sentence_with_which_the_studio_refuses_has_vietnamese_words() -> None:
    studio = [nodes for file, nodes in NODES.items() if SRC / "studio" in file.parents]
    calls = (n for nodes in studio for n in nodes)
    raised = [n for n in calls if isinstance(n, ast.Call) and getattr(n.func, "id", "") in RAISED]
    said = {text for call in raised for part in call.args for text in branches(part)}
    # What ends the command itself is told in the terminal.
    terminal = {text for text in said if "--host" in text}
    assert len(said) > 40
    assert len(terminal) == 1
    known = texts_in("saddlepoint.reporting.strings", "vi")
    assert {text for text in said - terminal if f"errors.{text}" not in known} == set()


def branches(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return branches(node.body) + branches(node.orelse)
    return [holes(node)] if holes(node) else []


@pytest.mark.parametrize("subject", ["messages", "errors"])
def test_every_message_with_vietnamese_words_is_still_said(subject: str) -> None:
    everything = "\0".join([*LITERALS, *map(os.strerror, errno.errorcode)])
    known = texts_in("saddlepoint.reporting.strings", "vi")
    for key in (key.partition(".")[2] for key in known if key.startswith(f"{subject}.")):
        # A sentence may be put together from parts: some words of each have to be there.
        for part in re.split(r"'?\{\}'?|(?<=[.;:,]) ", key):
            words = part.split()
            n = min(3, len(words) // 2)
            runs = [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]
            assert any(run in everything for run in runs), (key, part)


MESSAGE = (
    "The discriminator is too weak: it hardly tells fakes from real images (AUC 0.52), although "
    "they differ plainly, so the generator has nothing to learn from."
)
FOUND = Finding(
    name="weak-discriminator",
    severity="warn",
    at_images=900,
    since_step=2,
    message=MESSAGE,
    evidence=(Evidence(name="auc", value=0.5, healthy=(0.6, 1.0), note=COLUMNS["auc"]),),
    missing=(1,),
    remedies=("strengthen-loser",),
)


SUBJECTS = ("messages", "errors", "fields", "figures", "findings", "overlays", "remedies")
"""Of texts that are found by the English or the name of what they are about."""


def test_every_text_is_shown_and_every_text_that_is_asked_for_is_there() -> None:
    scripts = "\n".join(file.read_text() for file in SRC.rglob("*.js"))
    quoted = re.findall(r'[`"]([a-z$][^`"\s]*)[`"]', scripts)
    asked = {re.sub(r"\$\{.*?\}", "{}", text) for text in quoted} | LITERALS
    patterns = [
        re.compile("(.+)".join(map(re.escape, text.split("{}"))))
        for text in asked
        if "{}" in text and re.fullmatch(r"[a-z]+\.[^ ]*|\{\}\.title", text)
    ]
    parts = set(re.findall(r"\w+", "\n".join([scripts, *PYTHON.values()])))
    packages = ("saddlepoint.reporting.strings", "saddlepoint.studio.strings")
    known = {key for package in packages for key in texts_in(package, "en")}
    for key in known:
        subject = key.partition(".")[0]
        matches = (pattern.fullmatch(key) for pattern in patterns)
        # What stands in the places of a pattern's values has to come from somewhere as well.
        made = any(m and set(re.findall(r"\w+", " ".join(m.groups()))) <= parts for m in matches)
        assert key in asked or made or subject in SUBJECTS, key
    calls = (n for nodes in NODES.values() for n in nodes)
    named = (c for c in calls if isinstance(c, ast.Call) and getattr(c.func, "id", "") == "words")
    keys = {holes(call.args[0]) for call in named if call.args}
    wanted = {key for key in keys if re.fullmatch(r"[a-z]+\.[\w-]+", key)}
    assert len(wanted) > 80
    assert {key for key in wanted if not key.startswith("figures.")} <= known


def test_vietnamese_has_one_word_for_one_thing_and_one_spelling() -> None:
    root = SRC.parents[1]
    texts = [file.read_text() for file in [*root.glob("docs/vi/*.md"), root / "README.vi.md"]]
    for package in ("saddlepoint.reporting.strings", "saddlepoint.studio.strings"):
        texts += texts_in(package, "vi").values()
    given = (n for nodes in NODES.values() for n in nodes if isinstance(n, ast.keyword))
    texts += [holes(keyword.value) for keyword in given if keyword.arg == "vi"]
    assert len(texts) > 1000
    # "khắc phục" is the word for to remedy; "vectơ"; "xóa", "khỏe", "hủy".
    others = r"chữa|điều trị|(?<!latent )\bvector|o[àáảãạèéẻẽẹ]\b|(?<!q)u[ỳýỷỹỵ]\b"
    assert [text for text in texts if re.search(others, text, re.IGNORECASE)] == []


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    for name in ("a", "b"):
        make_run(tmp_path / name, findings=["weak-discriminator"])
    numbers = {"loss_d": 1.0, "real_logit": 1.0}
    Run(tmp_path / "a").append_metrics({"images": 2000, "seconds": 60.0, **numbers})
    Run(tmp_path / "a").append_finding({"event": "found", **FOUND.to_json()})
    bins = Run(tmp_path / "a").samples_folder / "bins"
    bins.mkdir()
    (bins / "01.png").touch()
    make_run(tmp_path / "failed", "failed", error="loss_d not finite at 1,000 images")
    make_run(tmp_path / "damaged").config_file.write_text("{")
    app = server.create_app(tmp_path)
    headers = {"accept-language": "vi", TOKEN_HEADER: app.state.studio.token}
    with TestClient(app, "http://127.0.0.1:8000", headers=headers) as client:
        yield client


def english(answer: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Texts of an answer with two English words or more."""
    if isinstance(answer, dict):
        for key, value in answer.items():
            if key not in QUOTED:
                yield from english(value, f"{where}.{key}")
    elif isinstance(answer, list):
        for value in answer:
            yield from english(value, where)
    elif isinstance(answer, str):
        words = re.findall(r"[\w'-]+", answer.lower())
        if len({word for word in words if ENGLISH.fullmatch(word)}) > 1:
            yield where, answer


GAME = {"name": "12345678", "game": "seed=3&moves=b1", "at": 1, "measure": True, "label": 0}
FORM = {"preset": "wgan-gp", "data": "digits", "penalties": ["none"], "minutes": 1}
ASKED = [
    *("runs/", "runs/a", "runs/none", "runs/a/picture", "live/a", "live/a/figures", "live/none"),
    *("live/failed", "live/damaged", "live/a/evidence/weak-discriminator", "live/a/samples/x"),
    *("live/a/evidence/none", "start/", "play/", "play/a", "compare/?runs=a,b,failed,damaged,x"),
    *("compare/figures?runs=a,b", "compare/figures?runs=a&over=time", "compare/a/samples"),
    *("compare/figures?runs=a&over=years", "compare/a/samples?seed=x", "play/-search/none"),
    *("game/form", f"compare/?runs={','.join('123456789')}"),
]
SENT: list[tuple[str, dict[str, Any]]] = [
    ("start/check", FORM),
    ("start/check", {**FORM, "preset": "dcgna"}),
    ("start/check", {**FORM, "minutes": -1}),
    ("start/check", {**FORM, "kimg": 1}),
    ("start/check", {**FORM, "data": "etc"}),
    ("start/check", {**FORM, "data": "/not/there"}),
    ("start/check", {**FORM, "changes": {"train.n_critic": 0}}),
    ("start/check", {**FORM, "changes": {"train.n_critci": 1}}),
    ("start/check", {**FORM, "changes": {"augment.cutout": 7}}),
    ("start/check", {**FORM, "data": "ring8", "preset": "gan", "changes": {"augment.cutout": 1}}),
    ("start/check", {**FORM, "preset": 7}),
    ("start/check", {**FORM, "nothing": 7}),
    ("runs/a/stop", {}),
    ("runs/trash/7/restore", {}),
    ("game/play", GAME),
    ("game/play", {**GAME, "at": 9}),
    ("game/play", {**GAME, "game": "seed=x"}),
    ("game/play", {**GAME, "game": "nothing=1"}),
]


def test_nothing_that_the_server_says_is_an_english_sentence(client: TestClient) -> None:
    answers = {path: client.get(f"/api/{path}") for path in ASKED}
    answers |= {f"{p} {sent}": client.post(f"/api/{p}", json=sent) for p, sent in SENT}
    answers["token"] = client.post("/api/runs/a/stop", json={}, headers={TOKEN_HEADER: "x"})
    answers["host"] = client.get("/api/runs/", headers={"host": "evil.example"})
    found = {asked: [*english(answer.json())] for asked, answer in answers.items()}
    assert {asked: texts for asked, texts in found.items() if texts} == {}
    shown = answers["live/a"].json()["found"][0]
    assert "(AUC 0,52)" in shown["message"]
    assert shown["missing_pictures"] == [{"file": "01.png", "name": "vùng 1"}]
    assert [*english({"a": "It is not there."})]  # the test would see one


def test_figures_and_tables_are_those_of_the_reports(client: TestClient) -> None:
    served = client.get("/api/live/a/figures").json()["figures"]
    ours = drawn(client.app.state.studio.library.run("a"), words=words_in("vi"))
    assert [(one["title"], one["text"]) for one in served] == [(t, x) for t, _, x in ours]
    assert served[1]["title"] == "Đầu ra của critic"  # the run's loss is Wasserstein's
    layout = served[0]["figure"]["layout"]
    assert layout["xaxis"]["title"]["text"] == "Số ảnh thật đã xem (nghìn)"
    over = client.get("/api/compare/figures?runs=a,b&over=time").json()["figures"][0]
    assert over["title"] == "Hàm mất mát: Critic"
    assert over["figure"]["layout"]["xaxis"]["title"]["text"] == "Số phút huấn luyện"
    assert over["text"].startswith("Chỉ so sánh được")

"""Run folders whose files lie: a sentence each, nothing lost, and no crash."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import saddlepoint as sp
from saddlepoint.cli.main import main
from saddlepoint.core.checkpoints import FILES, damage, newest_intact, read_state, write_state
from saddlepoint.core.contracts import DataSpec
from saddlepoint.core.errors import InputError
from saddlepoint.core.findings import Evidence, Finding
from saddlepoint.core.history import History
from saddlepoint.core.json_files import sha256_of_json
from saddlepoint.core.limits import available_memory
from saddlepoint.core.runs import Run
from saddlepoint.core.tensors import load_tensors, weights_sha256
from saddlepoint.diagnosis.diagnose import inspect
from saddlepoint.sampling.generator_file import KEY
from saddlepoint.sampling.sampler import load_sampler

SMALL = {
    "arch.generator_width": 8,
    "arch.discriminator_width": 8,
    "train.tick_kimg": 0.064,
    "train.checkpoint_minutes": 0,
    "train.batch_size": 16,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished and evaluated run; copied by each test that changes it."""
    out = tmp_path_factory.mktemp("runs") / "run"
    run = sp.train("dcgan", "digits", out=out, kimg=0.32, changes=SMALL, quiet=True)
    run.evaluate(features="pixels", n=60, quiet=True)
    return out


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> sp.Run:
    return sp.Run(shutil.copytree(finished, tmp_path / "run"))


def altered(file: Path, path: str, value: Any) -> None:
    """Put a value in a JSON document, by dotted path; ... leaves it out."""
    document = json.loads(file.read_text())
    *parents, last = path.split(".")
    place: Any = document
    for step in parents:
        place = place[int(step) if isinstance(place, list) else step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    file.write_text(json.dumps(document))


# -- one sentence that names file and field ---------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[]", "must be an object"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"schema": ' + b"9" * 5000 + b"}", "beyond 64 bits"),
        (b'{"schema": 1e999}', "beyond double precision"),
        (b'{"schema": NaN}', "NaN is not a JSON number"),
        (b'{"schema": true}', "schema=true must be a whole number"),
        (b'{"budgets": [{"kimg": "x"}]}', r"budgets\.0\.kimg='x' must be a number"),
        (b'{"treatments": [7]}', r"treatments\.0 must be an object"),
        (b'{"data": {"spec": {"shape": 7}}}', r"data\.spec\.shape must be a list"),
        (b'{"resolved": {"threads": -1}}', r"threads=-1 must be between"),
        (b'{"parameters": {"generator": "many"}}', "generator='many' must be a whole number"),
        (b'{"config": {"train": {"kimg": 1e20}}}', r"kimg=1e\+20 must be between"),
        (b'{"plugins": [{}]}', r"plugins\.0 has no field 'file'"),
    ],
)
@pytest.mark.parametrize("verb", ["doctor", "resume"])
def test_config_json(
    verb: str, content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_bytes(content)
    assert main([verb, str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path}/config.json")
    assert error.count("\n") == 1
    with pytest.raises(InputError, match=said):
        _ = Run(tmp_path).document


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("scores", {}, "must be a list"),
        ("scores.0.protocol_sha256", 7, "must be text"),
        ("scores.0.values.fid.value", None, "must be a number"),
        ("scores.0.values.fid.interval", [1], "must have 2 entries"),
        ("scores.0.fake.trained_images", -5, "must be between"),
        ("scores.0.fake", None, "must be an object"),
        ("scores.0.real.name", ..., "has no field 'name'"),
        ("scores.0.protocol.k", "3", "must be a whole number"),
        ("scores.0.per_class", 7, "must be an object"),
    ],
)
def test_scores(
    run: sp.Run, path: str, value: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    altered(run.scores[-1], path, value)
    assert main(["compare", str(run.path), "--json"]) == 2
    error = capsys.readouterr().err
    assert str(run.scores[-1]) in error
    assert said in error


def test_damaged_scores_are_refused_before_anything_is_measured(
    run: sp.Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(*_: object, **__: object) -> None:
        raise AssertionError("the measuring has begun")

    monkeypatch.setattr("saddlepoint.evaluation.evaluate.evaluate_sets", measure)
    run.scores[-1].write_text("[")
    assert main(["evaluate", str(run.path), "--features", "pixels", "--quiet"]) == 2
    assert str(run.scores[-1]) in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[]", "7", '{"state": 7}', '{"heartbeat": "now"}', "\0", ""])
def test_a_status_that_cannot_be_read_keeps_nobody_from_the_run(
    run: sp.Run, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    run.status_file.write_text(content)
    with caplog.at_level(logging.WARNING, logger="saddlepoint"):
        assert main(["doctor", str(run.path), "--json"]) in (0, 3)
        run.report()
    assert "status.json" in caplog.text
    sp.resume(run.path, kimg=0.384, quiet=True)
    assert sp.Run(run.path).status["state"] == "finished"


# -- lines of metrics and findings ------------------------------------------------------------

BAD_LINES = (
    b'{"images": 100, "loss_d": \xff}',
    b'{"images": "many"}',
    b'{"images": 64, "bins": 7}',
    b'{"images": 64, "bins": [1, -1]}',
    b'{"images": 64, "seconds": "x"}',
    b'{"images": 1e300}',
    b'{"loss_d": 1}',
    b'{"images": 64, "loss_d": {"a": 1}}',
    b"[" * 1000,
    b"null",
    b"",
)


def test_bad_lines_are_kept_aside_and_told_and_good_ones_stay(
    run: sp.Run, caplog: pytest.LogCaptureFixture
) -> None:
    good = run.metrics_file.read_bytes().splitlines()
    mixed = [line for pair in zip(good, BAD_LINES, strict=False) for line in pair]
    rest = [*good[len(BAD_LINES) :], *BAD_LINES[len(good) :]]
    run.metrics_file.write_bytes(b"\n".join([*mixed, *rest]) + b"\n")
    findings = b'{"event": "found", "name": "divergence", "at_images": 5}\n7\n'
    run.findings_file.write_bytes(findings)
    with caplog.at_level(logging.WARNING, logger="saddlepoint"):
        reader = Run(run.path)
        assert len(reader.history) == len(good)
        assert len(reader.history) == len(good)
    said = [r.getMessage() for r in caplog.records]
    assert len(said) == 1
    assert f"metrics.jsonl: {len(BAD_LINES)} lines are left out" in said[0]
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="saddlepoint"):
        sp.resume(run.path, kimg=0.384, quiet=True)
    assert f"{len(BAD_LINES)} lines are now in metrics.bad.jsonl" in caplog.text
    kept = (run.path / "metrics.bad.jsonl").read_bytes()
    assert sorted(kept.splitlines()) == sorted(BAD_LINES)
    assert run.metrics_file.read_bytes().splitlines()[: len(good)] == good
    assert (run.path / "findings.bad.jsonl").read_bytes() == findings


def test_what_was_kept_aside_before_stays(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for bad in (b"first\n", b"second\n"):
        run.append_metrics({"images": 1})
        with open(run.metrics_file, "ab") as file:
            file.write(bad)
        run.rewind(1)
    assert (tmp_path / "metrics.bad.jsonl").read_bytes() == b"first\nsecond\n"
    assert len(run.history) == 2


def test_metrics_that_have_grown_beyond_all_bounds_are_refused(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.append_metrics({"images": 1})
    os.truncate(run.metrics_file, 10**10)
    with pytest.raises(InputError, match="at most"):
        _ = run.history


def test_bins_of_another_length_are_no_checks() -> None:
    shares = [0.25] * 4
    rows = [
        {"images": i, "step": 500 * i, "bins": [9.0] * (4 if i < 30 else 3), "bins_real": shares}
        for i in range(40)
    ]
    inspect(History(rows))
    inspect(History([{**row, "bins": []} for row in rows]))


def test_evidence_that_is_not_finite_is_null_in_files_and_read_again() -> None:
    finding = Finding(
        name="divergence",
        severity="warn",
        at_images=1,
        since_step=1,
        evidence=(Evidence(name="gap", value=float("inf")), Evidence(name="x", value=1.5)),
        message="",
    )
    line = json.loads(json.dumps(finding.to_json(), allow_nan=False))
    assert [item["value"] for item in line["evidence"]] == [None, 1.5]
    values = [item.value for item in Finding.from_json(line).evidence]
    assert values[0] != values[0]
    assert values[1] == 1.5


# -- requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"[]", b"7", b'{"stop": 1}', b"\xff", b"", b'{"stop": NaN}', b'{"dance": true}']
)
def test_a_request_that_makes_no_sense_is_ignored_with_one_warning(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(tmp_path)
    with caplog.at_level(logging.WARNING, logger="saddlepoint"):
        for _ in range(2):
            run.control_file.write_bytes(content)
            requests = run.take_control()
            assert not any(requests.get(name) for name in ("stop", "save", "sample"))
            assert not run.control_file.exists()
    assert len(caplog.records) == 1
    assert "control.json" in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_a_request_that_is_no_file_is_ignored(tmp_path: Path, kind: str) -> None:
    run = Run(tmp_path)
    makers: dict[str, Callable[[], object]] = {
        "folder": lambda: (run.control_file / "x").mkdir(parents=True),
        "pipe": lambda: os.mkfifo(run.control_file),
        "link": lambda: run.control_file.symlink_to("nowhere"),
    }
    makers[kind]()
    assert run.take_control() == {}
    assert run.take_control() == {}


# -- checkpoints ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_images", 330),
        ("n_steps", 7),
        ("n_treatments", 1),
        ("score", 0.0),
        ("files", {}),
        ("schema", 1.5),
        ("sha256", ...),
        ("sha256", "0" * 64),
    ],
)
def test_state_json_vouches_for_itself(
    run: sp.Run, field: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    previous, newest = run.checkpoints[-2:]
    altered(newest / "state.json", field, value)
    with caplog.at_level(logging.WARNING, logger="saddlepoint"):
        assert newest_intact(run) == previous
    assert f"{newest} is damaged" in caplog.text


@pytest.mark.parametrize(("field", "value"), [("n_images", 330), ("files", {})])
def test_a_resume_goes_on_from_the_checkpoint_before(run: sp.Run, field: str, value: Any) -> None:
    whole = sp.resume(
        shutil.copytree(run.path, run.path.with_name("whole")), kimg=0.384, quiet=True
    )
    altered(run.checkpoints[-1] / "state.json", field, value)
    sp.resume(run.path, kimg=0.384, quiet=True)
    for name in FILES:
        one, two = (r.checkpoints[-1] / name for r in (run, whole))
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("n_images", 128, "belongs to another checkpoint"),
        ("n_images", True, "must be a whole number"),
        ("n_steps", -1, "must be between"),
        ("files", {"ema.safetensors": "0"}, "does not name the files"),
        ("score", "good", "must be a number"),
    ],
)
def test_every_field_of_a_state_is_checked(run: sp.Run, field: str, value: Any, said: str) -> None:
    """Even where the state is signed, or was written before states were."""
    newest = run.checkpoints[-1]
    state = {n: v for n, v in read_state(newest).items() if n != "sha256"} | {field: value}
    for signed in ({**state, "sha256": sha256_of_json(state)}, {**state, "schema": 1}):
        (newest / "state.json").write_text(json.dumps(signed))
        assert said in (damage(newest) or "")


def test_a_checkpoint_of_the_first_schema_still_resumes(run: sp.Run) -> None:
    for folder in run.checkpoints:
        altered(folder / "state.json", "schema", 1)
        altered(folder / "state.json", "sha256", ...)
    sp.resume(run.path, kimg=0.384, quiet=True)
    assert run.status["n_images"] == 384


def test_a_file_too_large_for_the_memory_is_not_even_hashed(run: sp.Run) -> None:
    file = run.checkpoints[-1] / "ema.safetensors"
    os.truncate(file, 2 * available_memory())
    assert "at most" in (damage(run.checkpoints[-1]) or "")
    with pytest.raises(InputError, match="at most"):
        load_sampler(file)


def signed_again(folder: Path) -> None:
    """The checkpoint as somebody would leave it who knows the format."""
    state = {name: value for name, value in read_state(folder).items() if name in FIELDS}
    write_state(folder, **state)


FIELDS = ("n_images", "n_steps", "n_treatments", "score")


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, name: tensors.pop(name),
        lambda tensors, name: tensors.update({name: tensors[name][..., None]}),
        lambda tensors, name: tensors.update({name: tensors[name].double()}),
        lambda tensors, name: tensors.update({"nobody/x/y": tensors.pop(name)}),
    ],
)
@pytest.mark.parametrize("part", ["discriminator", "optim"])
def test_tensors_that_do_not_fit_the_run_are_refused(
    run: sp.Run, part: str, change: Callable[[dict[str, torch.Tensor], str], object]
) -> None:
    file = run.checkpoints[-1] / f"{part}.safetensors"
    tensors, _ = load_tensors(file)
    change(tensors, next(name for name in sorted(tensors) if tensors[name].ndim > 1))
    safetensors.torch.save_file(tensors, file)
    signed_again(run.checkpoints[-1])
    with pytest.raises(InputError, match=r"do(es)? not fit the run's"):
        sp.resume(run.path, kimg=0.384, quiet=True)


# -- a generator file -------------------------------------------------------------------------


def rewritten(
    file: Path, about: dict[str, Any], tensors: dict[str, torch.Tensor] | None = None
) -> Path:
    """A generator file with other metadata and tensors, and the right hash of them."""
    old, metadata = load_tensors(file)
    kept = {name: tensor.clone() for name, tensor in (old | (tensors or {})).items()}
    document = json.loads(metadata[KEY]) | {"weights_sha256": weights_sha256(kept)}
    for path, value in about.items():
        place, _, last = path.rpartition(".")
        (document[place] if place else document)[last] = value
    safetensors.torch.save_file(kept, file, {KEY: json.dumps(document)})
    return file


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("arch.latent_dim", 20_000_000),
        ("arch.latent_dim", 2**62),
        ("arch.generator_width", 2**31),
        ("spec.shape", [1, 2**20, 2**20]),
        ("spec.shape", []),
        ("spec.shape", [8, 8]),
        ("spec.n_classes", 2**40),
        ("spec.value_range", [1, -1]),
        ("arch", 7),
        ("classes", 7),
        ("classes", [[]]),
        ("n_images", -1),
        ("n_images", None),
        ("data", None),
        ("schema", None),
    ],
)
def test_metadata_that_lie_are_refused_before_a_net_is_built(
    run: sp.Run, path: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = rewritten(run.checkpoints[-1] / "ema.safetensors", {path: value})
    places = []
    zeros = torch.empty

    def recorded(*sizes: Any, **named: Any) -> torch.Tensor:
        made = zeros(*sizes, **named)
        places.append((made.device.type, made.numel()))
        return made

    monkeypatch.setattr(torch, "empty", recorded)
    with pytest.raises(InputError, match=r"ema\.safetensors is damaged"):
        load_sampler(file)
    assert all(device == "meta" or size < 10**6 for device, size in places)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_weights_in_a_file_that_cannot_be_mapped_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "ema.safetensors").symlink_to("/proc/self/environ")
    with pytest.raises(InputError, match="copy it to an ordinary disk"):
        load_tensors(tmp_path / "ema.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_weights_that_are_not_finite_are_not_sampled(run: sp.Run, value: float) -> None:
    file = run.checkpoints[-1] / "ema.safetensors"
    tensors, _ = load_tensors(file)
    wide = {name: t.sign() * value for name, t in tensors.items() if t.ndim > 1}
    with pytest.raises(InputError, match="not finite"):
        load_sampler(rewritten(file, {}, wide)).images(range(4))


@pytest.mark.parametrize(
    ("shape", "n_classes", "value_range"),
    [
        ((), 0, None),
        ((3,), 0, None),
        ((1, 8, 9), 0, None),
        ((2, 8, 8), 0, None),
        ((1, 0, 0), 0, None),
        ((1, 8, 8), -1, None),
        ((1, 8, 8), 2**40, None),
        ((1, 8, 8), 0, (1.0, 1.0)),
    ],
)
def test_a_spec_of_nothing_that_exists(
    shape: tuple[int, ...], n_classes: int, value_range: tuple[float, float] | None
) -> None:
    with pytest.raises(InputError, match="must"):
        DataSpec(shape=shape, n_classes=n_classes, value_range=value_range)

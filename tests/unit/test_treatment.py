"""Training that is treated: way back, change, record, bounds, and a kill at any moment of it."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from _contents import contents

from saddlepoint import api
from saddlepoint.core.checkpoints import healthy_until, recorded
from saddlepoint.core.config import Config
from saddlepoint.core.config_json import with_changes
from saddlepoint.core.errors import RunFailed
from saddlepoint.core.findings import Detector, Finding, Remedy
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of
from saddlepoint.core.tensors import load_tensors
from saddlepoint.training import treatment

KIMG = 1.6
START = 700


@pytest.fixture(autouse=True)
def one_failure(fresh_registry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only detector finds critics whose weights all lie at the clip; one remedy cures it."""

    @register("all-clipped")
    @dataclass(frozen=True, kw_only=True)
    class AllClipped(Detector):
        """Fires from START images on."""

        remedies = ("loosen", "unclip")

        def inspect(self, history: History) -> Finding | None:
            late = [r for r in history.rows if r["images"] > START and r.get("clip_share", 0) > 0.3]
            if len(late) < 2 or history.rows[-1]["clip_share"] < 0.3:
                return None
            return Finding(
                name="all-clipped",
                severity="fatal",
                at_images=history.rows[-1]["images"],
                since_step=late[0]["step"],
                evidence=(),
                message="All weights lie at the clip.",
            )

    @register("loosen")
    @dataclass(frozen=True, kw_only=True)
    class Loosen(Remedy):
        """Does not help."""

        advice: ClassVar[str] = "Loosen it."

        def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
            return {"loss.clip": config.loss.clip * 2}  # type: ignore[attr-defined]

    @register("unclip")
    @dataclass(frozen=True, kw_only=True)
    class Unclip(Remedy):
        """Helps, and builds another discriminator."""

        advice: ClassVar[str] = "Do not clip."

        def changes(self, config: Config, finding: Finding) -> dict[str, Any] | None:
            return {"loss.clip": 0.0, "arch.discriminator_widths": (24,), "train.n_critic": 2}

    detectors = [AllClipped()]
    monkeypatch.setattr("saddlepoint.diagnosis.doctor.all_detectors", lambda: detectors)
    monkeypatch.setattr("saddlepoint.diagnosis.diagnose.all_detectors", lambda: detectors)


def unhealthy(**changes: Any) -> Config:
    config = api.configure("gan", "digits", kimg=KIMG)
    return with_changes(
        config,
        {
            "arch.generator_widths": (16,),
            "arch.discriminator_widths": (16,),
            "arch.latent_dim": 4,
            "loss": {"kind": "wasserstein", "clip": 1e-4},
            "train.batch_size": 20,
            "train.tick_kimg": 0.1,
            "train.sample_kimg": 0.2,
            "train.n_samples": 4,
            "train.device": "cpu",
            "doctor.mode": "treat",
            **changes,
        },
    )


def trained(out: Path, config: Config) -> Run:
    api.train(config, out=out, quiet=True)
    return Run(out)


def test_a_fatal_finding_is_treated_until_it_is_cured(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", unhealthy())
    assert run.status["state"] == "finished"
    assert run.status["findings"] == []
    first, second = run.document["treatments"]
    assert (first["remedy"], second["remedy"]) == ("loosen", "unclip")
    assert first["changes"] == {"loss.clip": [1e-4, 2e-4]}
    assert 0 < first["back_to"] <= START
    assert second["back_to"] == 0, "it came back, so the checkpoint carried it already"
    assert second["changes"]["arch.discriminator_widths"] == [[16], [24]]
    assert run.document["config"]["loss"]["clip"] == 0.0
    assert "treatment 2 of all-clipped, unclip: " in second["message"]
    # The run reads as one that was never unhealthy; what happened is in findings.jsonl.
    images = run.history["images"].tolist()
    assert images == sorted(set(images))
    assert images[-1] >= KIMG * 1000
    events = [(line["event"], line["name"]) for line in run.findings]
    assert events == [("found", "all-clipped"), ("treated", "all-clipped")] * 2
    assert (run.samples_folder / "before-treatment-1.png").is_file()
    assert (run.samples_folder / "before-treatment-2.png").is_file()
    assert all(recorded(folder, "n_treatments") == 2 for folder in run.checkpoints)
    assert "unclip" in (run.path / "report.html").read_text()


def test_without_treatment_the_last_healthy_checkpoint_is_kept(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", unhealthy(**{"doctor.mode": "advise"}))
    (found,) = run.findings
    assert healthy_until(run, found["since_step"]) == START
    kept = [images_of(folder) for folder in run.checkpoints]
    assert kept[-2:] == [1400, 1600]
    # Every 200 images are saved; one more may be the best.
    assert 600 in kept
    assert len(kept) <= 4


def test_going_back_keeps_the_nets_that_still_fit_and_forgets_the_rest(tmp_path: Path) -> None:
    config = unhealthy(**{"doctor.mode": "advise"})
    run = trained(tmp_path / "run", config)
    document = run.document
    folder = run.checkpoints[-1]
    wider = with_changes(config, {"arch.discriminator_widths": (24,)})
    line = {"back_to": 10**6, "name": "x", "event": "treated", "at_images": 9, "message": ""}
    document["treatments"] = [{**line, "remedy": "y", "changes": {}}]
    run.config_file.write_text(json.dumps(document))
    state = treatment.begin(run, wider, config.source.open().spec)
    kept, _ = load_tensors(folder / "generator.safetensors")
    assert all((state.generator.state_dict()[name] == kept[name]).all() for name in ["head.weight"])
    assert state.n_images >= KIMG * 1000
    assert not state.optim_g.state
    assert not state.optim_d.state


def test_it_gives_up_after_a_bounded_number_with_a_clear_report(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"all-clipped is not cured by its treatments \(loosen\)"):
        trained(tmp_path / "run", unhealthy(**{"doctor.treatments": 1}))
    run = Run(tmp_path / "run")
    assert run.status["state"] == "failed"
    assert "loosen" in run.status["error"]
    assert len(run.document["treatments"]) == 1
    assert (run.path / "report.html").is_file()


@pytest.mark.parametrize("mode", ["advise", "off"])
def test_otherwise_nothing_is_treated(tmp_path: Path, mode: str) -> None:
    run = trained(tmp_path / "run", unhealthy(**{"doctor.mode": mode}))
    assert run.status["state"] == "finished"
    assert run.document["treatments"] == []
    assert run.document["config"]["loss"]["clip"] == 1e-4


# -- killed ----------------------------------------------------------------------------------


class Killed(Exception):
    pass


def after(function: Callable[..., Any], calls: int) -> Callable[..., Any]:
    """`function`, and a kill once it has been called so often."""
    count = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        result = function(*args, **kwargs)
        count += 1
        if count == calls:
            raise Killed
        return result

    return wrapped


MOMENTS = [
    ("training.treatment.choose", 1),
    ("training.treatment.write_json", 1),
    ("training.treatment.shutil.copyfile", 1),
    ("training.checkpoint.remove", 1),
    ("core.runs.Run.append_finding", 2),
    ("core.runs.Run.append_finding", 4),
    ("training.checkpoint.load_newest", 2),
    ("training.checkpoint.save", 9),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole") / "run"


@pytest.mark.parametrize(("name", "calls"), MOMENTS)
def test_a_kill_at_any_moment_of_it_changes_nothing(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, name: str, calls: int
) -> None:
    if not whole.exists():
        trained(whole, unhealthy())
    killed = tmp_path / "run"
    function = pkgutil.resolve_name(f"saddlepoint.{name}")
    with monkeypatch.context() as patch:
        patch.setattr(f"saddlepoint.{name}", after(function, calls))
        with pytest.raises(Killed):
            trained(killed, unhealthy())
    api.resume(killed, quiet=True)
    expected, found = contents(whole), contents(killed)
    for part, value in expected.items():
        assert found[part] == value, part

"""The doctor at our own loop: the same bits without it, its words in the run folder."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import histories
import pytest
import torch
from safetensors.torch import save_file

import saddlepoint as sp
from saddlepoint.cli.main import main
from saddlepoint.core import registry
from saddlepoint.core.files import sha256_of
from saddlepoint.core.json_files import append_row
from saddlepoint.core.renames import todays_row
from saddlepoint.reporting.html import write_report
from saddlepoint.training.state import TrainState

SMALL = {
    "arch.generator_widths": [16],
    "arch.discriminator_widths": [16],
    "train.batch_size": 16,
    "train.device": "cpu",
    "train.precision": "fp32",
    "train.tick_kimg": 0.32,
    "train.sample_kimg": 0.64,
    "train.n_samples": 4,
    "doctor.probe_kimg": 0.32,
}
MEASURED = ("seconds", "images_per_second", "memory_mb")


def train(out: Path, kimg: float = 1.92, **changes: Any) -> sp.Run:
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return sp.train(
        "gan", data="ring8", kimg=kimg, changes={**SMALL, **dotted}, out=out, quiet=True
    )


def weights(run: sp.Run) -> dict[str, str]:
    files = sorted(run.checkpoints_folder.glob("*/*.safetensors"))
    return {str(f.relative_to(run.path)): sha256_of(f) for f in files if f.stem != "doctor"}


def rows(run: sp.Run) -> list[dict[str, Any]]:
    """The lines of metrics without what a clock measured."""
    return [{k: v for k, v in row.items() if k not in MEASURED} for row in run.history.rows]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> sp.Run:
    return train(tmp_path_factory.mktemp("runs") / "watched")


def test_a_watched_run_has_the_bits_of_one_that_is_not(watched: sp.Run, tmp_path: Path) -> None:
    alone = train(tmp_path / "alone", doctor__mode="off")
    assert weights(alone) == weights(watched)
    assert not alone.findings_file.exists()
    assert not any("pair_ratio" in row for row in alone.history.rows)
    assert [row["loss_g"] for row in alone.history.rows] == pytest.approx(
        [row["loss_g"] for row in watched.history.rows]
    )


def test_each_line_of_metrics_is_a_look(watched: sp.Run) -> None:
    row = watched.history.rows[-1]
    assert len(watched.history) == 6
    assert {"auc", "pair_ratio", "coverage", "eval_gap", "update_ratio_g"} <= set(row)
    assert row["averaged"] == 1
    assert row["loss_family"] == "non-saturating"
    assert row["nonfinite"] == 0
    assert watched.history["bins"].shape == (6,)  # a list is no number


def test_a_resumed_run_is_looked_at_as_one_never_stopped(watched: sp.Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(watched.path, copy)
    append_row(copy / "findings.jsonl", {"event": "found", "name": "x", "at_images": 1_600})
    for folder in sp.Run(copy).checkpoints[1:]:
        shutil.rmtree(folder)
    resumed = sp.resume(copy, quiet=True)
    assert rows(resumed) == rows(watched)
    assert weights(resumed).items() >= dict(list(weights(watched).items())[-4:]).items()
    assert resumed.findings == watched.findings


@pytest.mark.parametrize("changes", [{"train.n_critic": 3}, {"train.accumulate": 2}], ids=str)
def test_a_ticks_losses_are_the_same_means_with_the_doctor_and_without(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    """Over all the turns of a step, and all the parts of a batch."""
    both = []
    for mode in ("off", "advise"):
        wanted = {**SMALL, **changes, "doctor.mode": mode}
        out = tmp_path / mode
        both.append(sp.train("gan", data="ring8", kimg=0.96, changes=wanted, out=out, quiet=True))
    for off, advise in zip(*(run.history.rows for run in both), strict=True):
        for name in ("loss_d", "loss_g"):
            assert advise[name] == pytest.approx(off[name], rel=1e-5)


def test_runs_of_one_process_leave_no_net_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nets: list[weakref.ref] = []
    new = TrainState.new

    def remembered(*given: Any) -> TrainState:
        state = new(*given)
        nets.extend(map(weakref.ref, state.nets.values()))
        return state

    monkeypatch.setattr(TrainState, "new", remembered)
    for index in range(3):
        train(tmp_path / f"run{index}", kimg=0.64)
    gc.collect()
    assert len(nets) == 3 * 3
    assert [net() for net in nets] == [None] * len(nets)


def test_a_checkpoint_with_the_doctors_old_memory_still_resumes(
    watched: sp.Run, tmp_path: Path
) -> None:
    """Fakes of earlier checks lay beside the weights until nothing read them any more."""
    copy = tmp_path / "copy"
    shutil.copytree(watched.path, copy)
    for folder in sp.Run(copy).checkpoints[1:]:
        shutil.rmtree(folder)
    folder = sp.Run(copy).checkpoints[0]
    save_file({"fake.0": torch.zeros(32, 2)}, folder / "doctor.safetensors")
    document = json.loads((folder / "state.json").read_text())
    del document["sha256"]
    document["schema"] = 1
    document["files"]["doctor.safetensors"] = sha256_of(folder / "doctor.safetensors")
    (folder / "state.json").write_text(json.dumps(document))
    assert rows(sp.resume(copy, quiet=True)) == rows(watched)


def test_an_old_rows_number_of_a_loss_is_read_as_its_name() -> None:
    assert todays_row({"loss_family": 6.0, "step": 3}) == {"loss_family": "wasserstein", "step": 3}
    assert todays_row({"loss_family": 0.0}) == {}
    assert todays_row({"loss_family": "hinge"}) == {"loss_family": "hinge"}


def test_a_run_that_is_no_number_any_more_says_so(tmp_path: Path) -> None:
    with pytest.raises(sp.RunFailed, match="not finite"):
        train(
            tmp_path / "run",
            optim_g__lr=1e9,
            optim_d__lr=1e9,
            arch__discriminator_widths=[16] * 6,
        )
    run = sp.Run(tmp_path / "run")
    assert run.history.rows[-1]["nonfinite"] == 1
    assert "non-finite" in {line["name"] for line in run.findings}
    assert "non-finite" in {finding.name for finding in run.diagnose()}
    assert main(["doctor", str(run.path)]) == 3


def ill_run(watched: sp.Run, path: Path, name: str) -> Path:
    """A run folder with the metrics of a detector's own example."""
    shutil.copytree(watched.path, path)
    example = histories.unhealthy(registry.get("detector", name)())[0]
    lines = "".join(json.dumps(row) + "\n" for row in example.rows)
    (path / "metrics.jsonl").write_text(lines)
    return path


def test_saddle_doctor_tells_ill_from_healthy_without_torch(
    watched: sp.Run, tmp_path: Path
) -> None:
    ill = ill_run(watched, tmp_path / "ill", "complete-mode-collapse")
    code = (
        "import sys\nfrom saddlepoint.cli.main import main\ncode = main(sys.argv[1:])\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\nsys.exit(code)"
    )
    for path, expected in ((ill, 3), (watched.path, 0)):
        command = [sys.executable, "-c", code, "doctor", str(path), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == expected, done.stderr
        document = json.loads(done.stdout)
        assert document["unhealthy"] == (expected == 3)
    assert document["findings"] == []
    finding = json.loads(
        subprocess.run(
            [sys.executable, "-c", code, "doctor", str(ill), "--json"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
    )["findings"][0]
    assert finding["name"] == "complete-mode-collapse"
    assert finding["evidence"]
    assert {"name", "value", "healthy", "note"} == set(finding["evidence"][0])


def test_saddle_doctor_in_words(
    watched: sp.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(watched.path)]) == 0
    assert "no finding of another kind in 6 lines" in capsys.readouterr().out
    ill = ill_run(watched, tmp_path / "ill", "discriminator-wins")
    assert main(["doctor", str(ill)]) == 3
    said = capsys.readouterr().out
    assert "discriminator-wins" in said
    assert "healthy: " in said
    assert main(["doctor", str(tmp_path / "none")]) == 2
    assert main(["doctor", str(ill), "--jsn"]) == 2
    assert "did you mean --json" in capsys.readouterr().err


def test_the_report_shows_findings(watched: sp.Run, tmp_path: Path) -> None:
    assert "Too short to judge" in write_report(watched).read_text()
    page = write_report(sp.Run(ill_run(watched, tmp_path / "ill", "oscillation"))).read_text()
    assert "oscillation" in page
    assert 'class="finding' in page


def test_the_mode_is_a_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["train", "gan", "--data", "ring8", "--dry-run"]
    assert main([*flags, "--doctor", "off"]) == 0
    assert json.loads(capsys.readouterr().out)["doctor"]["mode"] == "off"
    assert main(flags) == 0
    assert json.loads(capsys.readouterr().out)["doctor"]["mode"] == "advise"
    assert main([*flags, "--doctor", "maybe"]) == 2
    assert "must be one of off, advise, treat" in capsys.readouterr().err

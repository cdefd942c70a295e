"""The run folder: never overwritten, whole or absent, one writer."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saddlepoint.core.documents import metrics_line
from saddlepoint.core.errors import InputError
from saddlepoint.core.files import write_atomically
from saddlepoint.core.json_files import append_row, read_rows, write_json
from saddlepoint.core.randomness import derive_seed
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import images_of, snapshot_name

# -- creating and opening ------------------------------------------------------------------


def test_a_default_name_takes_the_next_free_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = Run.create(None, "dcgan")
    (first.path / "config.json").write_text("{}")
    (tmp_path / "runs" / "dcgan-002").mkdir()
    assert str(first.path) == "runs/dcgan-001"
    assert str(Run.create(None, "dcgan").path) == "runs/dcgan-003"
    assert str(Run.create(None, "wgan").path) == "runs/wgan-001"
    assert (first.path / "config.json").read_text() == "{}"


def test_an_explicit_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a" / "b", "dcgan")
    assert run.path == tmp_path / "a" / "b"
    assert run.path.is_dir()


def test_an_explicit_folder_that_exists_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("precious")
    with pytest.raises(InputError, match=r"already exists.*saddle resume"):
        Run.create(tmp_path, "dcgan")
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]
    assert (tmp_path / "config.json").read_text() == "precious"


def test_an_explicit_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(InputError, match="already exists"):
        Run.create(tmp_path / "file", "dcgan")


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written.*choose another --out"):
        Run.create(tmp_path / "file" / "run", "dcgan")


def test_only_a_run_folder_is_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such run folder"):
        Run.open(tmp_path / "absent")
    with pytest.raises(InputError, match=r"not a run folder.*config\.json"):
        Run.open(tmp_path)
    (tmp_path / "config.json").write_text('{"schema": 1}')
    assert Run.open(tmp_path).document == {"schema": 1}


def test_a_damaged_document_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{\n"schema": ,\n}')
    with pytest.raises(InputError, match=r"config\.json, line 2: not valid JSON"):
        _ = Run.open(tmp_path).document


# -- history -------------------------------------------------------------------------------


def test_columns_have_nan_where_a_line_has_no_value(tmp_path: Path) -> None:
    run = Run(tmp_path)
    rows: list[dict[str, Any]] = [
        {"images": 1, "loss_d": 0.5},
        {"images": 2, "loss_d": None, "penalty": 3},
        {"images": 3, "loss_d": None},
    ]
    for row in rows:
        run.append_metrics(row)
    history = run.history
    assert len(history) == 3
    assert history["images"].dtype == np.float64
    np.testing.assert_array_equal(history["images"], [1, 2, 3])
    np.testing.assert_array_equal(history["loss_d"], [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(history["penalty"], [np.nan, 3, np.nan])
    np.testing.assert_array_equal(history["unheard-of"], [np.nan] * 3)


def test_a_run_that_has_not_started_has_an_empty_history(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert len(run.history) == 0
    assert run.history["loss_d"].shape == (0,)
    assert (run.findings, run.status, run.samples, run.checkpoints) == ([], {}, [], [])


@given(st.integers(1, 20))
def test_wherever_the_last_line_is_torn_the_whole_ones_are_read(
    tmp_path_factory: pytest.TempPathFactory, kept: int
) -> None:
    file = tmp_path_factory.mktemp("torn") / "metrics.jsonl"
    append_row(file, {"images": 1})
    append_row(file, {"images": 2, "a": "b"})
    content = file.read_bytes()
    whole = content.index(b"\n") + 1
    file.write_bytes(content[: min(whole + kept, len(content) - 2)])
    assert read_rows(file, metrics_line).good == [{"images": 1}]


def test_rewinding_drops_the_torn_line_and_what_comes_after(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for images in (100, 200, 300):
        run.append_metrics({"images": images})
    with open(run.metrics_file, "a") as file:
        file.write('{"images": 4')
    run.rewind(200)
    run.append_metrics({"images": 300, "again": 1})
    assert run.history.rows == [
        {"images": 100},
        {"images": 200},
        {"images": 300, "again": 1},
    ]


# -- status and control --------------------------------------------------------------------


def test_status_tells_state_process_and_images(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.write_status("failed", 1234, error="no space left")
    status = run.status
    assert (status["state"], status["pid"], status["n_images"]) == ("failed", os.getpid(), 1234)
    assert status["error"] == "no space left"
    assert status["heartbeat"] > 1.7e9


def test_a_request_is_taken_once(tmp_path: Path) -> None:
    run = Run(tmp_path)
    write_json(run.control_file, {"save": True})
    assert run.take_control() == {"save": True}
    assert run.take_control() == {}
    assert not run.control_file.exists()


def test_a_request_that_is_half_written_waits(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.control_file.write_text('{"stop": tr')
    assert run.take_control() == {}
    run.control_file.write_text('{"stop": true}')
    assert run.take_control() == {"stop": True}


# -- the lock ------------------------------------------------------------------------------

HOLD = """
import sys
from saddlepoint.core.runs import Run
with Run(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Any:
    """Another process that holds the lock of tmp_path."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_and_told_who_writes(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    run = Run(tmp_path)
    with pytest.raises(InputError, match=f"process {holder.pid} on "), run.lock():
        pytest.fail("two writers")
    with pytest.raises(InputError, match=f"process {holder.pid} on "), run.lock():
        pytest.fail("being refused has freed the lock")


def test_a_killed_writer_frees_the_lock(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with Run(tmp_path).lock():
        owner = (tmp_path / "lock").read_text()
        assert owner.startswith(f"process {os.getpid()} on ")
        assert str(holder.pid) not in owner


def test_the_lock_is_free_after_an_error_inside(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(RuntimeError), run.lock():
        raise RuntimeError
    with run.lock():
        pass


def test_a_default_name_that_a_killed_run_left_without_configuration_is_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holder: subprocess.Popen[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    names = [f"runs/gan-{number:03d}" for number in range(1, 5)]
    held, ended, precious, killed = (Run.create(None, "gan").path for _ in names)
    (held / "lock").hardlink_to(tmp_path / "lock")
    (ended / "lock").touch()
    (precious / "lock").write_text("process 1 on nowhere")
    (precious / "thesis.txt").touch()
    (killed / "lock").write_text("process 1 on nowhere")
    (killed / ".config.json.host@1.tmp").touch()
    assert str(Run.create(None, "gan").path) == names[3]
    assert list(killed.iterdir()) == []
    assert str(Run.create(None, "gan").path) == "runs/gan-005"
    holder.kill()
    holder.wait()
    assert str(Run.create(None, "gan").path) == names[0]
    assert (precious / "thesis.txt").exists()


# -- snapshots -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_images", "images_per_step", "name"),
    [(200_000, 64, "000200k"), (200_063, 64, "000200k"), (200_064, 64, "000200k064"),
     (999, 64, "000000k999"), (1_234_567_890, 64, "1234567k890")],
)  # fmt: skip
def test_a_snapshot_is_named_by_thousands_of_images(
    n_images: int, images_per_step: int, name: str
) -> None:
    assert snapshot_name(n_images, images_per_step) == name


@given(st.integers(0, 10**10), st.integers(1, 1000))
def test_a_snapshots_name_tells_its_images_to_within_a_step(n: int, per_step: int) -> None:
    assert 0 <= n - images_of(Path(snapshot_name(n, per_step))) < per_step


def test_snapshots_are_listed_by_images_and_nothing_else_is(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for name in (
        "000200k",
        "1000000k",
        "999999k",
        "000020k500",
        ".000300k.tmp",
        "notes",
        "000300k.bad",
    ):
        (run.checkpoints_folder / name).mkdir(parents=True)
    assert [p.name for p in run.checkpoints] == ["000020k500", "000200k", "999999k", "1000000k"]
    run.samples_folder.mkdir()
    for name in ("000200k.png", "000100k.png", "000100k.gif"):
        (run.samples_folder / name).touch()
    assert [p.name for p in run.samples] == ["000100k.png", "000200k.png"]


# -- files ---------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "status.json"
    write_atomically(file, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, b"new and longer")
    assert file.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["status.json"]


def test_content_is_on_the_disk_before_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append("rename"), replace(a, b)))
    write_atomically(tmp_path / "a", b"x")
    assert events == ["fsync", "rename", "fsync"], "content, rename, folder"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_json_on_the_disk_is_strict(tmp_path: Path) -> None:
    """NaN is no JSON: a browser would refuse the whole file."""
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


# -- randomness ----------------------------------------------------------------------------


def test_a_derived_seed_depends_on_each_of_its_parts_and_on_nothing_else() -> None:
    seed = derive_seed(7, "order", 64_000, 1)
    assert seed == derive_seed(7, "order", 64_000, 1)
    others = [
        derive_seed(8, "order", 64_000, 1),
        derive_seed(7, "augment", 64_000, 1),
        derive_seed(7, "order", 64_001, 1),
        derive_seed(7, "order", 64_000, 2),
    ]
    assert len({seed, *others}) == 5


def test_derived_seeds_are_the_same_in_every_process() -> None:
    assert derive_seed(7, "order", 5) == 4_665_410_991_738_089_138  # old runs are resumed with it


@given(st.integers(0, 2**63), st.text(max_size=9), st.integers(0, 10**12))
def test_a_derived_seed_fits_torchs_generator(seed: int, purpose: str, n_images: int) -> None:
    assert 0 <= derive_seed(seed, purpose, n_images) < 2**63

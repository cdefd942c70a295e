"""Where verbs write: what they replace and refuse, and what they do on a disk that refuses."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _forked import Saddle
from PIL import Image

import saddlepoint as sp
from saddlepoint import api
from saddlepoint.cli.main import main
from saddlepoint.core import files
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.files import write_atomically
from saddlepoint.core.outputs import output_file, output_folder
from saddlepoint.core.paths import given_path
from saddlepoint.core.runs import Run
from saddlepoint.data.prepare import prepare
from saddlepoint.evaluation import evaluate, scores, tensor_files
from saddlepoint.reporting import page
from saddlepoint.reporting.strings import words_in

TINY = {"arch.generator_width": 8, "arch.discriminator_width": 8, "train.batch_size": 16}
LONG = "a" * 300


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished and measured run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        out = tmp_path_factory.mktemp("trained") / "run"
        sp.train("dcgan", "digits", kimg=0.1, out=out, changes=TINY, quiet=True)
        sp.evaluate(out, features="pixels", n=60, n_bootstrap=0, quiet=True)
    return out


@pytest.fixture
def world(tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a run, and names that nothing may be written to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tensor_files, "_warn", tensor_files._warn.__wrapped__)
    shutil.copytree(trained, "run")
    Path("precious.txt").write_text("precious")
    Path("taken").mkdir()
    Path("taken/precious.txt").write_text("precious")
    Path("empty").mkdir()
    for suffix in (".png", ".html", ".gif", ".npz"):
        Path(f"link{suffix}").symlink_to("precious.txt")
        Path(f"gone{suffix}").symlink_to("nowhere")
        Path(f"folder{suffix}").mkdir()
        Path(f"folder{suffix}/precious.txt").write_text("precious")
        os.mkfifo(f"fifo{suffix}")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"socket{suffix}")
    Path("loop").symlink_to("loop")
    return tmp_path


def inventory(folder: Path) -> dict[str, tuple[int, int]]:
    """Every name with its kind and, where one can be written, when that was."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        written = 0 if stat.S_ISDIR(status.st_mode) else status.st_mtime_ns
        found[str(path.relative_to(folder))] = (status.st_mode, written)
    return found


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# -- what is never replaced ------------------------------------------------------------------

VERBS = {
    ".html": "compare run",
    ".png": "sample run",
    ".npz": "sample run",
    ".gif": "sample run --training",
    "": "sample run",
    "directions": "sample run --directions",
    "project": "project run precious.txt",
    "train": "train --data digits --kimg 0.1 --quiet",
    "prepare": "data prepare taken --size 8",
    "lab": "lab failures --kimg 0.02 --quiet",
    "sweep": "sweep gan-points --data ring8 --kimg 0.1 --quiet",
}
KINDS = ("link", "gone", "folder", "fifo", "socket")
OUTS = [
    *(
        (suffix, f"{kind}{suffix}")
        for suffix in (".html", ".png", ".npz", ".gif")
        for kind in KINDS
    ),
    *((verb, "run/config.json") for verb in VERBS),
    *((verb, "precious.txt") for verb in VERBS),
    *((verb, f"precious.txt/new{verb if '.' in verb else ''}") for verb in VERBS),
    *((verb, f"loop/new{verb if '.' in verb else ''}") for verb in VERBS),
    *((verb, "~nouser/x") for verb in VERBS),
    *((verb, LONG) for verb in VERBS),
    *((verb, "..") for verb in VERBS),
    *(
        (verb, "run/samples/new")
        for verb in ("", "directions", "project", "prepare", "train", "lab", "sweep")
    ),
    *(
        (verb, "taken")
        for verb in ("", "directions", "project", "prepare", "lab", "train", "sweep")
    ),
    (".html", "run/report.html"),
    (".png", "run/samples/000000k.png"),
    (".html", "page.txt"),
    (".gif", "film.png"),
    (".html", "/dev/stdout"),
    (".html", "/dev/null/page.html"),
    (".png", "/proc/self/x.png"),
]


@pytest.mark.parametrize(("verb", "out"), OUTS)
def test_a_place_that_may_not_be_written_is_refused_before_any_work(
    world: Path, verb: str, out: str, capfd: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work has begun")

    for place in ("models.load_sampler", "models.project_pictures", "run.compare_runs"):
        monkeypatch.setattr(f"saddlepoint.api.{place}", work)
    if verb == "lab":
        monkeypatch.setattr(api, "train", work)
    monkeypatch.setattr("saddlepoint.evaluation.compare.compare_runs", work)
    monkeypatch.setattr("saddlepoint.data.prepare.list_source", work)
    before = inventory(world)
    assert main([*VERBS[verb].split(), "--out", out]) == 2
    said = capfd.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert "None" not in said
    assert inventory(world) == before


def test_a_regular_file_of_that_name_is_replaced_and_parents_are_made(world: Path) -> None:
    for out in ("new/folder/page.html", "new/folder/page.html"):
        assert main(["compare", "run", "--out", out]) == 0
    assert Path(out).read_text().startswith("<!")
    Path("old.png").write_text("old")
    assert main(["sample", "run", "--seeds", "0-3", "--out", "old.png"]) == 0
    assert main(["sample", "run", "--seeds", "0-3", "--out", "empty"]) == 0
    assert len(list(Path("empty").iterdir())) == 4
    assert main(["sample", "run", "--seeds", "0", "--out", "run/mine.png"]) == 0
    with Image.open("old.png") as picture:
        picture.load()


@pytest.mark.parametrize("name", ["link.png", "fifo.png", "socket.png", "folder.png"])
def test_the_rename_itself_replaces_regular_files_alone(world: Path, name: str) -> None:
    before = inventory(world)
    with pytest.raises(InputError, match="never replaced"):
        write_atomically(Path(name), b"new")
    assert inventory(world) == before


def test_a_name_as_long_as_the_disk_allows_can_be_written(world: Path) -> None:
    out = Path("é" * 125 + ".html")
    write_atomically(out, b"x")
    assert out.read_bytes() == b"x"


# -- paths as they are given -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "empty path"),
        ("a\0b", "NUL"),
        (LONG, "shorter name"),
        ("/".join(["d" * 200] * 30), "shorter name"),
        ("loop", "symbolic links"),
        ("loop/x", "symbolic links"),
        ("~nouser/x", "no such user"),
    ],
)
def test_what_no_path_can_be_is_one_sentence(world: Path, path: str, says: str) -> None:
    uses: list[Callable[[], Any]] = [
        lambda: given_path(path),
        lambda: output_file(path, [".png"]),
        lambda: output_folder(path),
        lambda: sp.train("dcgan", path, quiet=True) if path else given_path(path),
        lambda: sp.train("dcgan", "digits", out=path, quiet=True),
        lambda: sp.resume(path),
        lambda: sp.sample(path, "x.png"),
        lambda: sp.sample("run", path),
        lambda: sp.evaluate(path, "digits"),
        lambda: sp.compare([path]),
        lambda: sp.compare(["run"], out=path),
        lambda: sp.report(path),
        lambda: api.prepare(path, "made"),
        lambda: api.prepare("taken", path),
    ]
    for use in uses:
        with pytest.raises(InputError, match=says):
            use()


def test_a_path_in_the_home_folder(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(world))
    assert sp.sample("~/run", "~/x.png", seeds=[0]) == world / "x.png"
    assert sp.compare(["~/run"])["rows"]


def test_a_working_folder_that_is_gone(world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (world / "doomed").mkdir()
    os.chdir(world / "doomed")
    (world / "doomed").rmdir()
    for argv in (
        ["sample", str(world / "run"), "--out", "x.png"],
        ["train", "--data", "digits", "--kimg", "0.1"],
        ["doctor", "run"],
        ["data", "prepare", str(world / "taken"), "--out", "x"],
    ):
        assert main(argv) == 2
        assert "is gone" in capfd.readouterr().err


# -- disks that refuse -----------------------------------------------------------------------


def test_a_disk_that_is_full_when_the_page_is_written(
    world: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    argv = ["train", "--data", "digits", "--kimg", "0.1", "--out", "new", "--quiet"]
    argv += ["--arch.generator-width", "8", "--arch.discriminator-width", "8"]
    with monkeypatch.context() as full:
        full.setattr(page, "write_atomically", no_space)
        assert main(argv) == 1
    said = capfd.readouterr().err
    assert "is saved, but not its report" in said
    assert "free some space. Then `saddle report new`" in said
    run = Run("new")
    assert run.status["state"] == "finished"
    assert not run.report_file.exists()
    # Either way leads on.
    assert main(["report", "new", "--json"]) == 0
    assert f'"report": "{run.report_file}"' in capfd.readouterr().out
    assert "finished" in run.report_file.read_text()
    for spoil in (run.report_file.unlink, lambda: os.utime(run.report_file, (1, 1))):
        spoil()
        assert main(["resume", "new", "--quiet"]) == 0
        assert run.report_file.stat().st_mtime > 1
    capfd.readouterr()
    assert main(["resume", "new", "--quiet"]) == 2
    assert "already reached" in capfd.readouterr().err


EVALUATE = ("evaluate", "run", "--features", "pixels", "--n", "50", "--bootstrap", "0")


@pytest.mark.parametrize("last", [(scores, "write_json"), (evaluate, "write_png")], ids=str)
def test_numbers_that_cannot_be_saved_are_answered_all_the_same(
    world: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, last: tuple[Any, str]
) -> None:
    argv = [*EVALUATE, "--quiet"]
    before = {file: file.read_bytes() for file in Path("run/scores").iterdir()}
    monkeypatch.setattr(*last, no_space)
    assert main(argv) == 1
    out, err = capfd.readouterr()
    assert "precision" in out
    sentence = "The scores of run are not saved: No space left on device; free some space, then "
    assert err.splitlines()[-1] == f"failed: {sentence}evaluate it again."
    assert main([*argv, "--json"]) == 1
    document = json.loads(capfd.readouterr().out)
    assert document["error"] == f"{sentence}evaluate it again."
    assert document["exit_code"] == 1
    with pytest.raises(RunFailed, match="are not saved") as failed:
        sp.evaluate("run", features="pixels", n=50, n_bootstrap=0, quiet=True)
    assert isinstance(failed.value, scores.Unsaved)
    assert failed.value.document["values"] == document["values"]
    if last[0] is scores:
        assert {file: file.read_bytes() for file in Path("run/scores").iterdir()} == before


def test_a_place_that_the_user_has_taken_is_the_users_to_free(world: Path, capfd: Any) -> None:
    argv = [*EVALUATE, "--quiet", "--json"]
    assert main(argv) == 0
    for sheet in Path("run/scores").glob("*.png"):
        sheet.unlink()
        sheet.mkdir()
    capfd.readouterr()
    assert main(argv) == 2
    document = json.loads(capfd.readouterr().out)
    assert "is a folder, which is never replaced" in document["error"]
    assert document["exit_code"] == 2
    assert document["values"]["precision"]["value"] >= 0


def test_a_limit_of_the_system_loses_no_number(world: Path) -> None:
    """The files of a real process may have no byte, but a pipe may."""
    (out, to_out), (err, to_err) = os.pipe(), os.pipe()

    def no_byte() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    child = Saddle(*EVALUATE, "--json", "--quiet", before=no_byte, streams=(to_out, to_err))
    os.close(to_out)
    os.close(to_err)
    assert child.wait() == 1
    with open(out) as answer, open(err) as said:
        document = json.loads(answer.read())
        assert "File too large; raise the limit" in document["error"]
        assert document["error"] in said.read().splitlines()[-1]
        assert document["values"]["precision"]["value"] >= 0


def test_a_run_killed_after_its_last_checkpoint_is_finished_by_resume(world: Path) -> None:
    run = Run("run")
    run.write_status("running", run.status["n_images"])
    run.report_file.unlink()
    assert sp.resume("run", quiet=True).status["state"] == "finished"
    assert run.report_file.is_file()


def test_scores_are_told_though_their_page_cannot_be_written(
    world: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(page, "write_atomically", no_space)
    argv = "evaluate run --features pixels --n 70 --bootstrap 0 --quiet"
    assert main(argv.split()) == 0
    said = capfd.readouterr()
    assert "fid" in said.out
    assert "warning: run is saved, but not its report" in said.err


@pytest.mark.parametrize("cache", ["precious.txt", "precious.txt/in", "/proc/none", LONG])
def test_a_cache_that_cannot_be_written_costs_a_warning(
    world: Path, cache: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(world / cache))
    for features in ("pixels", "classifier"):
        argv = f"evaluate run --features {features} --n 60 --bootstrap 0 --quiet"
        assert main(argv.split()) == 0
        assert "XDG_CACHE_HOME" in capfd.readouterr().err
    assert Path("precious.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("damage", "features"),
    [("folder", "pixels"), ("fifo", "pixels"), ("empty", "pixels"), ("bytes", "classifier")],
)
def test_a_damaged_entry_of_the_cache_is_made_again(
    world: Path, damage: str, features: str
) -> None:
    settings: dict[str, Any] = {"features": features, "n": 60, "n_bootstrap": 0, "quiet": True}
    first = sp.evaluate("run", **settings)[0]["values"]
    for path in [p for p in Path("cache").rglob("*") if p.is_file()]:
        path.unlink()
        if damage == "folder":
            path.mkdir()
        elif damage == "fifo":
            os.mkfifo(path)
        else:
            path.write_bytes(b"x" * 99 if damage == "bytes" else b"")
    assert sp.evaluate("run", **settings)[0]["values"] == first


@pytest.fixture
def pictures(world: Path) -> Path:
    Path("pictures").mkdir()
    for i in range(12):
        Image.new("L", (8, 8), 20 * i).save(f"pictures/{i}.png")
    return Path("pictures")


def test_images_that_can_be_prepared_nowhere_name_the_cache(
    world: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(world / "precious.txt"))
    with pytest.raises(InputError, match=r"precious\.txt.*XDG_CACHE_HOME.*Not a directory"):
        sp.train("dcgan", "pictures", kimg=0.1, out="new", quiet=True)
    assert not Path("new").exists()


def test_prepared_images_that_were_damaged_in_the_cache_are_prepared_again(
    world: Path, pictures: Path
) -> None:
    source = sp.configure("dcgan", "pictures", changes={"source.size": 8}).source
    first = source.open()
    (file,) = Path("cache").rglob("images.npy")
    file.write_bytes(b"torn")
    assert source.open().fingerprint == first.fingerprint


def test_workers_that_cannot_be_started_are_done_without(
    world: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert prepare(pictures, Path("made"), size=8, workers=2).n_images == 12


def test_an_error_without_a_name_has_words(
    world: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless(*_: object) -> None:
        raise OSError("odd")

    monkeypatch.setattr("saddlepoint.data.prepare.os.rename", nameless)
    with pytest.raises(RunFailed, match=r"odd, while made was prepared"):
        prepare(pictures, Path("made"), size=8)


@pytest.mark.parametrize(
    ("environment", "where"),
    [
        ({"HOME": "/home/me"}, "/home/me/.cache/saddlepoint"),
        ({"HOME": ""}, "/.cache/saddlepoint"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "relative"}, "/home/me/.cache/saddlepoint"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/fast"}, "/fast/saddlepoint"),
    ],
)
def test_where_the_cache_is(
    environment: dict[str, str], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(files.cache_folder()) == where


def test_a_user_without_a_home_gets_no_folder_named_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for an unknown user
    assert str(files.cache_folder()) == "/.cache/saddlepoint"


# -- what killed processes leave -------------------------------------------------------------


def test_the_next_writer_removes_what_killed_processes_left(world: Path) -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    dead, alive = int(gone.stdout), os.getppid()
    here, there = files._machine(), "elsewhere"
    run = Run("run")
    left = [
        run.path / f".status.json.{here}@{dead}.tmp",
        run.samples_folder / f".000100k.png.{here}@{dead}.tmp",
        run.scores_folder / f".000100k.json.{there}@{dead}.tmp",
        run.checkpoints_folder / f".000100k.{here}@{dead}.tmp" / "ema.safetensors",
        run.path / f".config.json.{here}@{os.getpid()}.tmp",
    ]
    kept = [run.path / f".report.html.{here}@{alive}.tmp", run.path / ".notes.tmp"]
    for path in (*left, *kept):
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    with run.lock():
        assert not any(path.exists() for path in left)
        assert not left[3].parent.exists()
        assert all(path.exists() for path in kept)
    # Without the lock another machine's process may be writing it.
    left[2].write_text("half")
    run.remove_leftovers()
    assert left[2].exists()
    os.utime(left[2], (1, 1))
    run.remove_leftovers()
    assert not left[2].exists()
    # In a user's folder nothing but what would have become the very file.
    names = ("a.png", "a.png.png", "b.png")
    halves = [Path(f".{name}.{here}@{dead}.tmp") for name in names]
    for half in halves:
        half.touch()
    output_file("a.png", [".png"])
    assert [half.exists() for half in halves] == [False, True, True]
    name = files.temporary_name(Path("é" * 90)).name
    assert len(name.encode()) < 256
    assert files.is_temporary(Path(name))


def test_a_lab_killed_before_its_first_file_goes_on(world: Path) -> None:
    Path("lab").mkdir()
    half = files.temporary_name(Path("lab/page.html"))
    for path in (Path("lab/.lab.json.host@1.tmp"), half):
        path.write_text("{")
    assert output_folder("lab", own="lab.json") == Path("lab")
    assert not half.exists()


def test_a_page_with_a_name_that_is_not_utf8(world: Path) -> None:
    page.write_page(Path("page.html"), "a class named \udcff", [], words_in("en"))
    assert "\\udcff" in Path("page.html").read_text()


# -- folders of others -----------------------------------------------------------------------


def test_a_folder_that_only_has_the_name_of_a_preparation_is_left_alone(
    world: Path, pictures: Path
) -> None:
    Path("made.partial").mkdir()
    Path("made.partial/precious.txt").write_text("precious")
    with pytest.raises(InputError, match=r"holds precious\.txt"):
        prepare(pictures, Path("made"), size=8)
    assert Path("made.partial/precious.txt").read_text() == "precious"


def test_a_lock_that_is_a_link_harms_nothing(world: Path, pictures: Path) -> None:
    Path("run/lock").unlink()
    Path("made.partial").mkdir()
    for lock in ("run/lock", "made.partial/lock"):
        Path(lock).symlink_to(world / "precious.txt")
    with pytest.raises(InputError, match="never replaced"):
        sp.resume("run", kimg=0.2, quiet=True)
    with pytest.raises(InputError, match="never replaced"):
        prepare(pictures, Path("made"), size=8)
    assert Path("precious.txt").read_text() == "precious"


def test_a_page_that_cannot_be_replaced_is_told_after_the_training(
    world: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("run/report.html").unlink()
    Path("run/report.html").mkdir()
    assert main(["resume", "run", "--kimg", "0.2", "--quiet"]) == 2
    said = capfd.readouterr().err
    assert "is saved, but not its report" in said
    assert "is a folder, which is never replaced" in said
    assert Run("run").status["state"] == "finished"


def test_a_folder_that_cannot_be_synced_is_written_all_the_same(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def files_alone(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(handle)

    monkeypatch.setattr(os, "fsync", files_alone)
    assert main(["sample", "run", "--seeds", "0-1", "--out", "new"]) == 0
    assert main(["sample", "run", "--seeds", "0-1", "--out", "new.png"]) == 0


def test_a_lab_with_a_bad_word_claims_no_folder(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SADDLE_OFFLINE", "1")
    for name in ("failures", "demo"):
        assert main(["lab", name, "--seed", "-1", "--out", "lab", "--quiet"]) == 2
        assert not Path("lab").exists()

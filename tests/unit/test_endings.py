"""How a command ends: what stops it, what it says then, and streams that are lost on the way."""

import errno
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import saddlepoint
from saddlepoint.cli.flags import print_json
from saddlepoint.cli.main import VERBS, main
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.core.runs import Run
from saddlepoint.core.streams import Surviving, command_streams, printable
from saddlepoint.training import treatment
from saddlepoint.training.guards import disk_errors
from saddlepoint.training.interrupt import StopRequest

OSC = "\x1b]0;pwned\x07"
TINY = (
    *("train", "dcgan", "--data", "digits", "--train.n-samples", "4", "--train.batch-size", "16"),
    *("--arch.generator-width", "4", "--arch.discriminator-width", "4", "--doctor", "off"),
    *("--train.tick-kimg", "0.05", "--train.sample-kimg", "0.05", "--kimg"),
)


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def a_verb(monkeypatch: pytest.MonkeyPatch, body: Callable[[], object]) -> None:
    monkeypatch.setitem(VERBS, "presets", lambda argv: body())


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def gone() -> io.TextIOWrapper:
    """A pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w", buffering=1)


def test_a_path_that_drowns_the_sentence_keeps_its_two_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/" + "x" * 300)
    assert main(["data", "list"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: `saddle data` was stopped by /xxx"), said
    assert "xxx/saddlepoint/datasets/" in said
    assert "File name too long" in said
    assert len(said) < 320


# -- streams ---------------------------------------------------------------------------------


def test_a_full_stdout_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["presets"]) == 1
        full.flush()  # what the interpreter does at its end: nothing is left that could fail
    assert (
        capsys.readouterr().err == "failed: stdout cannot be written (No space left on device).\n"
    )


@pytest.mark.parametrize("argv", [["presets"], ["presets", "--json"], ["train", "--help"]])
def test_a_reader_that_leaves_has_seen_enough(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, argv: list[str]
) -> None:
    with gone() as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(argv) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("lost", ["gone", "full", "closed"])
def test_training_goes_on_without_its_terminal(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    with gone() as pipe, open("/dev/full", "w", buffering=1) as full:
        streams = {"gone": pipe, "full": full, "closed": None}
        monkeypatch.setattr(sys, "stderr", streams[lost])
        assert main([*TINY, "0.1", "--out", "run"]) == 0
    assert Run("run").status["state"] == "finished"


def test_what_a_plugin_prints_does_not_reach_stdout(
    fresh_registry: None, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "loud.py").write_text("print('hello')")
    assert main(["train", "gan", "--data", "digits", "--plugins", "loud.py", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["preset"] == "gan"
    assert err.startswith("hello\n")


def test_a_lost_stream_drops_what_is_written() -> None:
    with gone() as pipe:
        stream = Surviving(pipe)
        print("one", file=stream)  # type: ignore[arg-type]
        assert isinstance(stream.error, BrokenPipeError)
        print("two", file=stream, flush=True)  # type: ignore[arg-type]


def test_nothing_else_prints() -> None:
    """Or it would bypass what escapes, and what survives a lost stream."""
    source = Path(saddlepoint.__file__).parent
    printing = {
        str(file.relative_to(source))
        for file in source.rglob("*.py")
        if re.search(r"(?<![\w.])print\(", file.read_text())
    }
    assert printing == {"core/streams.py"}


# -- stops -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_verb_stops_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    a_verb(monkeypatch, lambda: send(number))
    with monkeypatch.context() as patch:  # the tests may run under nohup themselves
        patch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)
        assert main(["presets"]) == 130
    assert capsys.readouterr() == ("", "interrupted.\n")
    assert signal.getsignal(number) == before


def test_a_stop_before_the_first_line_of_a_verb_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """The signal comes while the streams are made ready."""
    real = os.open

    def opened(*arguments: Any, **more: Any) -> int:
        send(signal.SIGTERM)
        return real(*arguments, **more)

    monkeypatch.setattr(os, "open", opened)
    assert main(["presets"]) == 130
    assert capsys.readouterr() == ("", "interrupted.\n")


@pytest.mark.parametrize("when", ["running", "before the loop"])
def test_a_stop_before_the_loop_is_in_the_status(
    monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    write_status = Run.write_status

    def write_and_stop(run: Run, state: str, *arguments: Any, **more: Any) -> None:
        write_status(run, state, *arguments, **more)
        if state == when:
            send(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(treatment, "train", lambda *_: send(signal.SIGTERM))
        patch.setattr(Run, "write_status", write_and_stop)
        assert main([*TINY, "0.1", "--out", "run", "--quiet"]) == 130
    assert Run("run").status["state"] == "interrupted"
    assert main(["resume", "run", "--quiet"]) == 0


def test_one_press_that_arrives_twice_is_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    with StopRequest() as stop:
        send(signal.SIGINT)
        send(signal.SIGINT)  # the shell's and `timeout`'s
        send(signal.SIGTERM)
        assert stop.requested
        assert ended == []
        monkeypatch.setattr(time, "monotonic", lambda clock=time.monotonic: clock() + 1)
        send(signal.SIGTERM)
        assert ended == [], "a supervisor that repeats itself lets the run be saved"
        send(signal.SIGINT)
        assert ended == [130]


def test_a_signal_after_the_end_leaves_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(sys, "argv", ["saddle", "--version"])
    try:
        assert main() == 0
        send(signal.SIGINT)
        send(signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_stop_inside_exec_ends_with_130_too(tmp_path: Path) -> None:
    """As in the imports of `python -m saddlepoint`: dataclasses are made by `exec`."""
    script = "import os, signal; from saddlepoint.cli.main import VERBS, main\n"
    script += "stop = 'os.kill(os.getpid(), signal.SIGTERM)'\n"
    script += "VERBS['presets'] = lambda argv: exec(stop)\nraise SystemExit(main(['presets']))"
    (tmp_path / "stopping.py").write_text(script)
    environment = os.environ | {"PYTHONPATH": str(Path(saddlepoint.__file__).parents[1])}
    command = [sys.executable, "-m", "stopping"]
    done = subprocess.run(command, env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (130, b"interrupted.\n")


def test_nohup_stays_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            send(signal.SIGHUP)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_folder_that_holds_only_a_lock_is_no_dead_end(tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    (folder / "lock").write_text("process 1 on nowhere")
    (folder / ".config.json.host@1.tmp").write_text("{")
    with pytest.raises(InputError, match="holds no run yet"):
        Run.open(folder)
    assert Run.create(folder, "").path == folder
    (folder / "thesis.txt").touch()
    with pytest.raises(InputError, match="already exists"):
        Run.create(folder, "")


# -- the boundary ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (OSError(errno.EACCES, "Permission denied", "run"), 2, "run: Permission denied; check"),
        (OSError(errno.EROFS, "Read-only file system", "out"), 2, "is not read-only"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "No space left on device; free"),
        (OSError(errno.EMFILE, "Too many open files"), 1, "ulimit -n"),
        (OSError("odd"), 1, "`saddle presets` was stopped by odd; check"),
        (MemoryError(), 1, "needs more memory than there is"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), 1, "9 bytes"),
        (RecursionError("maximum recursion depth"), 2, "nested too deeply"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 2, "not UTF-8"),
        (SystemExit(7), 1, "a plug-in ended"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)  # fmt: skip
def test_whatever_is_raised_becomes_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, error: BaseException, code: int, says: str
) -> None:
    a_verb(monkeypatch, raising(error))
    assert main(["presets"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: " if code == 2 else "failed: ")
    assert says in err


def test_a_fault_of_ours_leaves_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    a_verb(monkeypatch, raising(KeyError(OSC)))
    assert main(["presets", "--json"]) == 1
    err = capsys.readouterr().err
    (report,) = tmp_path.glob("saddle-crash-*.txt")
    assert str(report) in err
    assert "Traceback" not in err
    assert "\x1b" not in err
    text = report.read_text()
    assert text.startswith("saddle presets --json\n")
    assert "Traceback" in text
    assert "in raising" in text or "in body" in text
    assert main(["presets", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_without_a_place_for_the_report_debug_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    a_verb(monkeypatch, raising(KeyError("x")))
    assert main(["presets"]) == 1
    assert "--debug" in capsys.readouterr().err


def test_a_read_only_folder_is_not_told_to_free_space(tmp_path: Path) -> None:
    refused = pytest.raises(RunFailed, match="not read-only and run the same")
    with refused as failed, disk_errors(Run(tmp_path)):
        raise OSError(errno.EROFS, "Read-only file system")
    assert "space" not in str(failed.value)


def test_a_plugin_that_leaves_is_a_sentence(
    fresh_registry: None, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "leaves.py").write_text("raise SystemExit(7)")
    assert main(["train", "gan", "--data", "digits", "--plugins", "leaves.py"]) == 2
    assert "--plugins" in capsys.readouterr().err


# -- errors as JSON ---------------------------------------------------------------------------


def test_under_json_stdout_carries_the_error_of_bad_usage(capsys: Any) -> None:
    for argv in (
        *(["--json"], ["nonsense", "--json"], ["presets", "--json", "--x"], ["data", "--json"]),
        *(["sample", "--json"], ["doctor", "nowhere", "--json"], ["train", "nope", "--json"]),
        *(["train", "--json", "--seed", str(2**64)], ["presets", "--no-json", "--json", "\udcff"]),
    ):
        assert main(argv) == 2
        out, err = capsys.readouterr()
        document = json.loads(out)
        assert err == f"error: {document['error']}\n"
        assert document["exit_code"] == 2
        out.encode()
    for argv in (["presets", "--x"], ["presets", "--json", "--no-json", "--x"]):
        assert main(argv) == 2
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RunFailed("it broke"), 1, "it broke"),
        (KeyboardInterrupt(), 130, "interrupted."),
        (MemoryError(), 1, "more memory than there is;"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "free some space"),
        (ValueError(f"{OSC}\udcff"), 1, "a fault of its own"),
    ],
)
def test_under_json_stdout_carries_whatever_ended_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, error: BaseException, code: int, words: str
) -> None:
    a_verb(monkeypatch, raising(error))
    assert main(["presets", "--json"]) == code
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["exit_code"] == code
    assert words in document["error"]
    assert document["error"] in err
    assert not {"\x1b", "\x07", "\udcff"} & set(document["error"])


def test_an_answer_that_was_given_stays_the_only_document(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def body() -> None:
        print_json({"done": 1})
        raise RunFailed("too late")

    a_verb(monkeypatch, body)
    assert main(["presets", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"done": 1}


# -- what strangers named --------------------------------------------------------------------


def test_printable_escapes_what_a_terminal_obeys() -> None:
    assert printable(OSC + "a\r\n\x9b\udcff") == r"\x1b]0;pwned\x07a\r\n\x9b\udcff"
    assert printable("Zürich 東京 − ψ") == "Zürich 東京 − ψ"
    assert printable("a\n\x1bb", lines=True) == "a\n\\x1bb"


def test_names_reach_the_terminal_escaped(capsys: Any, tmp_path: Path) -> None:
    for argv in (["presets", f"--{OSC}"], [OSC], ["doctor", OSC], ["data", "list", OSC]):
        assert main(argv) == 2
        out, err = capsys.readouterr()
        assert "\\x1b" in err
        assert not {"\x1b", "\x07"} & set(out + err)


def test_tables_escape_their_cells(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from saddlepoint.reporting.terminal import print_table

    print_table([(OSC, "two\nlines")], ("name", "what"))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert r"\x1b]0;pwned\x07" in out


def test_a_warning_is_printed_without_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with command_streams():
        logging.getLogger("saddlepoint").warning("%s is damaged.", "a\x1b]0;pwned\x07")
    assert capsys.readouterr().err == "a\\x1b]0;pwned\\x07 is damaged.\n"

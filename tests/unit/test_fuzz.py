"""The fuzzer's own parts: a case is a function of its numbers, and each rule catches its fault."""

import inspect
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from _bench import machine
from _forked import PATIENCE
from fuzzing import (
    afterwards,
    archives,
    damage,
    documents,
    equality,
    files,
    folders,
    inputs,
    oracle,
    player,
    results,
    sandbox,
    sentences,
    sources,
    surroundings,
    tensors,
    words,
    world,
)
from fuzzing import case as cases
from fuzzing.case import Case
from fuzzing.oracle import Outcome
from robustness_tables import KINDS, fuzz

from saddlepoint.cli.main import main as saddle

REGISTERED = (
    *(archives, documents, folders, inputs, sources, surroundings, tensors, words),
    *(afterwards, files, sentences),
)
BENCH = Path(cases.__file__).parents[1]
TRACEBACK = """Traceback (most recent call last):
  File "/x/src/saddlepoint/cli/main.py", line 72, in main
  File "/x/src/saddlepoint/core/runs.py", line 9, in read_jsonl
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
UnicodeDecodeError: 'utf-8' codec can't decode byte
"""


UNSTOPPED = equality.RunEnd(images=64, weights={"ema.safetensors": "x"}, rows=[{"images": 64}])


def kinds(case: Case, outcome: Outcome) -> set[str]:
    return {fault.kind for fault in oracle.judge(case, outcome)}


def test_a_case_is_a_function_of_seed_and_index():
    drawn = [cases.make_case(5, index) for index in range(400)]
    assert drawn == [cases.make_case(5, index) for index in range(400)]
    assert drawn != [cases.make_case(6, index) for index in range(400)]
    assert [case.category for case in drawn] == [cases.category_of(5, i) for i in range(400)]
    assert {case.category for case in drawn} == set(cases.CATEGORIES)


def test_a_case_is_the_same_in_every_process():
    """No order of a set or a folder decides about it."""
    names = ", ".join(module.__name__.rpartition(".")[2] for module in REGISTERED)
    script = f"from fuzzing import case, {names}\n"
    script += "for i in range(200): print(case.make_case(5, i))"

    def printed(hash_seed: str) -> bytes:
        environment = os.environ | {"PYTHONPATH": str(BENCH), "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", script]
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

    assert printed("1") == printed("2")


def test_every_step_of_damage_exists_and_takes_its_arguments(tmp_path: Path):
    for index in range(2000):
        case = cases.make_case(7, index)
        json.dumps(case.to_json())
        for step in case.damage:
            arguments = {**step}
            function = damage.STEPS[arguments.pop("do")]
            inspect.signature(function).bind(tmp_path, **arguments)


@pytest.mark.parametrize("how", archives.ARCHIVES)
def test_hostile_archives_are_made(how: str, tmp_path: Path):
    damage.STEPS["archive"](tmp_path, path="x", how=how, seed=3)
    assert (tmp_path / "x").is_file()


@pytest.mark.parametrize("how", tensors.ARRAYS)
def test_hostile_arrays_are_made(how: str, tmp_path: Path):
    damage.STEPS["npz"](tmp_path, path="x.npz", how=how, seed=3)
    assert (tmp_path / "x.npz").is_file()


@pytest.mark.parametrize("how", sources.PICTURES)
def test_odd_pictures_are_made(how: str, tmp_path: Path):
    damage.STEPS["picture"](tmp_path, path="a/x.png", how=how, seed=3)
    assert (tmp_path / "a/x.png").is_file()


def test_a_value_is_put_in_as_text(tmp_path: Path):
    """NaN and 5,000 digits are no values that json.dumps writes."""
    (tmp_path / "x.json").write_text('{"a": {"b": [1, 2]}}')
    damage.STEPS["value"](tmp_path, path="x.json", at=0.99, to="5000 digits")
    assert "9" * 5000 in (tmp_path / "x.json").read_text()
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    damage.STEPS["value"](tmp_path, path="x.jsonl", at=0.99, to="nan", line=0.6)
    assert (tmp_path / "x.jsonl").read_text() == '{"a": 1}\n{"a": NaN}\n'


def test_shrinking_leaves_what_the_fault_needs():
    case = Case(
        argv=("sample", "run", "--n", "3", "--json"),
        damage=({"do": "delete", "path": "a"}, {"do": "delete", "path": "b"}),
        stdout="pty",
        environment={"COLUMNS": "1"},
    )

    def fails(smaller: Case) -> bool:
        return "--json" in smaller.argv and {"do": "delete", "path": "b"} in smaller.damage

    least = cases.shrunk(case, fails)
    assert least == Case(argv=("sample", "run", "--json"), damage=case.damage[1:])


def test_a_good_end_has_no_fault():
    sound = Case(argv=("presets", "--json"))
    assert oracle.judge(sound, Outcome(code=0, stdout='{"a": 1}\n')) == []
    told = Outcome(code=2, stderr="error: Unknown flag --x; see --help.\n")
    assert oracle.judge(Case(argv=("presets", "--x")), told) == []


@pytest.mark.parametrize(
    ("kind", "case", "outcome"),
    [
        ("traceback", {}, {"code": 1, "stderr": TRACEBACK}),
        ("traceback", {}, {"code": 0, "stdout": TRACEBACK}),
        ("traceback", {}, {"code": 120, "stderr": "Exception ignored in: <stdout>\n"}),
        ("exit code", {}, {"code": -15}),
        ("exit code", {}, {"code": 3, "stderr": "error: a reason.\n"}),
        ("exit code", {"codes": (2,)}, {"code": 0}),
        ("silence", {"says": "damaged"}, {"code": 0, "stderr": "all well\n"}),
        ("no sentence", {}, {"code": 2, "stderr": "oh\n"}),
        ("no sentence", {}, {"code": 2, "stderr": "error: one.\nerror: two.\n"}),
        ("exit code", {}, {"code": 1, "stderr": "error: an input.\n"}),
        ("exit code", {}, {"code": 2, "stderr": "failed: a run.\n"}),
        ("exit code", {"category": "arrays"}, {"code": 1, "stderr": "failed: x needs memory.\n"}),
        ("sentence", {}, {"code": 2, "stderr": "error: x cannot be read ().\n"}),
        ("sentence", {}, {"code": 2, "stderr": "error: made cannot be used (None); x.\n"}),
        ("sentence", {}, {"code": 2, "stderr": "error: a/b cannot be read ([Errno 2] No).\n"}),
        ("sentence", {}, {"code": 2, "stderr": "error: PosixPath('a') is no run.\n"}),
        ("sentence", {}, {"code": 2, "stderr": "error: 'NoneType' has no length.\n"}),
        ("sentence", {}, {"code": 2, "stderr": "error: a.json: KeyError 'x'.\n"}),
        ("sentence", {}, {"code": 2, "stderr": "error: a.json is damaged\n"}),
        ("sentence", {}, {"code": 1, "stderr": "failed: \n"}),
        ("sentence", {}, {"code": 2, "stderr": "error: Permission denied.\n"}),
        ("sentence", {}, {"code": 2, "stderr": f"error: {'many words ' * 40}.\n"}),
        ("stray", {}, {"code": 0, "after": {"elsewhere": (1, 2, "x")}}),
        ("remains", {}, {"code": 2, "stderr": "error: x.\n", "after": {"out": (1, 2, "x")}}),
        ("leavings", {}, {"code": 0, "after": {"tmp/x": (1, 2, "x")}}),
        (
            "leavings",
            {"argv": ("resume", "run"), "writes": ("run",)},
            {
                "code": -9,
                "then": [(("resume", "run"), Outcome(code=0))],
                "last": {"run/.a.7.tmp": (1, 2, "x")},
            },
        ),
        ("unequal", {"argv": ("train",)}, {"code": 0, "end": None, "unstopped": UNSTOPPED}),
        ("hang", {}, {"code": -9, "hung": "blocked for 8 s"}),
        ("harm", {}, {"code": 0, "before": {"a": (1, 2, "x")}, "after": {"a": (1, 2, "y")}}),
        ("harm", {}, {"code": 0, "before": {"a": (1, 2, "x")}, "after": {}}),
        ("leavings", {}, {"code": 1, "after": {"run/.config.json.17.tmp": (1, 2, "x")}}),
        ("json", {"argv": ("doctor", "run", "--json")}, {"code": 0, "stdout": '{"a": NaN}'}),
        ("json", {"argv": ("doctor", "run", "--json")}, {"code": 0, "stdout": "{}{}"}),
        ("json", {"argv": ("doctor", "--no-json", "--json")}, {"code": 0, "stdout": "text"}),
        ("json", {"argv": ("doctor", "--json")}, {"code": 2, "stderr": "error: x.\n"}),
        (
            "json",
            {"argv": ("doctor", "--json")},
            {"code": 2, "stderr": "error: x.\n", "stdout": '{"error": "x.", "exit_code": 1}'},
        ),
        ("exit code", {"stdout": "full", "codes": (0,)}, {"code": 1, "stderr": "failed: x.\n"}),
        ("control characters", {}, {"code": 0, "stdout": "\x1b]0;pwned\x07"}),
        ("control characters", {"stderr": "pty"}, {"code": 0, "stderr": "\x1b[2K\x1b]0;pwned"}),
        ("memory", {}, {"code": 0, "memory_bytes": 5 * 2**30}),
        ("dead end", {}, {"code": -9, "then": [(("resume",), Outcome(code=2))]}),
        (
            "state",
            {"argv": ("train",), "category": "signals", "writes": ("out",)},
            {
                "code": 130,
                "status": {"state": "running"},
                "after": {"out/status.json": (1, 2, "x")},
            },
        ),
        (
            "lost lines",
            {"argv": ("resume", "run"), "damage": ({"path": "run/metrics.jsonl"},)},
            {
                "code": 0,
                "lines_before": {"run/metrics.jsonl": b'{"images": 1}\n\xff\n{"images": 2}\n'},
                "lines_after": {"run/metrics.jsonl": b'{"images": 1}\n'},
            },
        ),
    ],
)
def test_each_rule_catches_its_fault(kind: str, case: dict, outcome: dict):
    assert kind in kinds(Case(**{"argv": ("sample", "run"), **case}), Outcome(**outcome))


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        ({}, {"code": 2, "stderr": "error: a/b cannot be read (Permission denied).\n"}),
        ({}, {"code": 2, "stderr": "error: run cannot be read (Permission denied).\n"}),
        ({}, {"code": 130, "stderr": "interrupted: Saved at 8 images.\n"}),
        ({"argv": ("doctor", "--json", "--no-json")}, {"code": 0, "stdout": "text"}),
        (
            {"argv": ("doctor", "--json")},
            {"code": 2, "stderr": "error: x.\n", "stdout": '{"error": "x.", "exit_code": 2}'},
        ),
        (
            {"stdout": "full"},
            {"code": 1, "stderr": "failed: stdout cannot be written (No space left).\n"},
        ),
        (
            {"argv": ("sample", "x" * 900)},
            {"code": 2, "stderr": f"error: There is no run at {'x' * 900}.\n"},
        ),
        (
            {"argv": ("train", "--plugins", "a.py")},
            {"code": 2, "stderr": "error: --plugins a.py: ValueError: planted.\n"},
        ),
        (
            {"category": "arrays", "argv": ("train", "--out", "o")},
            {"code": 1, "stderr": "failed: loss not finite at 8 images.\n"},
        ),
        ({"argv": ("sample", "run", "--out=o/x")}, {"code": 0, "after": {"o/x": (1, 2, "x")}}),
        (
            {"writes": ("a.partial",)},
            {"code": 2, "stderr": "error: x.\n", "after": {"a.partial": (1, 2, "x")}},
        ),
        ({"codes": (-9,)}, {"code": -9, "after": {".x.7.tmp": (1, 2, "x")}}),
        ({"argv": ("resume", "run")}, {"code": 0, "end": UNSTOPPED, "unstopped": UNSTOPPED}),
    ],
)
def test_what_is_right_is_no_fault(case: dict, outcome: dict):
    assert oracle.judge(Case(**{"argv": ("sample", "run"), **case}), Outcome(**outcome)) == []


def test_a_rule_without_end_holds_up_no_other_case(monkeypatch: pytest.MonkeyPatch):
    def endless(case: Case, outcome: Outcome):
        yield oracle.Fault("words", str(re.search("(a+)+$", outcome.stderr)), "")

    monkeypatch.setattr(oracle, "MOST_SECONDS", 0.1)
    monkeypatch.setattr(oracle, "CHECKS", [endless])
    with pytest.raises(TimeoutError, match=r"more than 0\.1 s"):
        oracle.judge(Case(argv=("x",)), Outcome(code=0, stderr="a" * 60 + "b"))
    assert oracle.judge(Case(argv=("x",)), Outcome(code=0, stderr="b"))  # the alarm is off again


def test_a_run_is_equal_to_another_but_for_its_clock(tmp_path: Path):
    def run(name: str, n: int = 2, weights: bytes = b"w", **columns: float) -> equality.RunEnd:
        checkpoint = tmp_path / name / "checkpoints" / f"{n:06d}k"
        checkpoint.mkdir(parents=True)
        (checkpoint / "state.json").write_text('{"n_images": 9}')
        (checkpoint / "ema.safetensors").write_bytes(weights)
        rows = [{"images": i, "loss_g": 0.5, "seconds": i, **columns} for i in range(n)]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name / "metrics.jsonl").write_text(text)
        found = equality.end_of(tmp_path / name)
        assert found is not None
        return found

    usual = run("usual", seconds=5.0)
    assert list(equality.differences(run("slow", seconds=7.0), usual)) == []
    assert list(equality.differences(run("bits", weights=b"v"), usual)) == [
        "other weights: ema.safetensors"
    ]
    assert list(equality.differences(run("more", 3), usual)) == ["more rows of metrics"]
    assert list(equality.differences(run("probe", auc=0.7), usual)) == ["other columns: auc"]
    assert equality.end_of(tmp_path / "nothing") is None


def test_what_a_command_may_write_is_no_harm():
    case = Case(argv=("resume", "run"), writes=("run",))
    outcome = Outcome(code=0, before={"run/a": (1, 2, "x"), "b": (1, 2, "x")})
    outcome.after = {"run/a": (1, 2, "y"), "b": (1, 2, "x")}
    assert oracle.judge(case, outcome) == []


def test_a_fault_is_named_by_our_last_function():
    found = oracle.judge(Case(argv=("sample",)), Outcome(code=1, stderr=TRACEBACK))
    assert [f.fingerprint for f in found] == ["UnicodeDecodeError at core/runs.py:read_jsonl"]


def test_equal_faults_are_one_group():
    lines = []
    for index in range(3):
        case = Case(argv=("sample", "run"), category="weights")
        outcome = Outcome(code=1, stderr=TRACEBACK)
        lines.append(results.line_of(4, index, case, outcome, oracle.judge(case, outcome)))
    records = [json.loads(line) for line in lines]
    (group,) = results.groups(records)
    assert (group["n"], group["cases"]) == (3, ["4:0", "4:1", "4:2"])
    assert results.summary(records)["categories"]["weights"]["traceback"] == 3


def test_the_page_has_a_line_for_each_kind_of_fault():
    yields = re.compile(r'Fault\(\s*"([a-z ]+)"')
    source = "".join(map(inspect.getsource, (oracle, sentences, files, afterwards)))
    assert {*yields.findall(source), "fuzzer"} == set(KINDS)


def test_the_page_shows_two_seeds_side_by_side():
    def play(seed: int, kind: str) -> dict:
        record = {"category": "arrays", "seconds": 1, "memory_mb": 900, "faults": [{"kind": kind}]}
        found = results.summary([record, record | {"faults": []}])
        return {"seed": seed, "seconds": 60, "commit": "abc", "machine": machine(), **found}

    page = fuzz({"plays": [play(7, "hang"), play(8, "harm")]})
    assert "| arrays | 2 / 1 | 2 / 1 |" in page
    assert "| a hang | 1 | 0 |" in page
    assert "| a file harmed outside the output | 0 | 1 |" in page


def test_a_torn_line_of_results_is_left_out(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    os.close(results.begin(path, "abc", keep=False))
    with open(path, "a") as file:
        file.write('{"case": "1:1", "code": 0}\n{"case": "1:2", "co')
    source, records = results.read(path)
    assert (source, list(records)) == ("abc", ["1:1"])


def test_a_snapshot_sees_content_kind_and_mode(tmp_path: Path):
    file = tmp_path / "a"
    file.write_text("x")
    first = world.snapshot(tmp_path)
    file.chmod(0o600)
    second = world.snapshot(tmp_path)
    file.write_text("y")
    third = world.snapshot(tmp_path)
    file.unlink()
    file.symlink_to("b")
    assert len({str(s) for s in (first, second, third, world.snapshot(tmp_path))}) == 4


def test_outside_a_sandbox_it_refuses(tmp_path: Path):
    with pytest.raises(sandbox.NoSandbox, match="can still be written"):
        sandbox.verify(tmp_path)


PLAYED = """
import json, os, sys, types
from pathlib import Path
from fuzzing import files, oracle, player
from fuzzing.case import Case

def main():
    what = sys.argv[1]
    if what == "raise":
        raise ValueError("planted")
    if what == "wait":
        import time; time.sleep(60)
    if what == "spin":
        while True: pass
    if what == "harm":
        open("precious.txt", "w").write("gone")
    if what == "rename":
        for i in range(3):
            os.rename(f"{i}", f"{i + 1}")
    if what == "allocate":
        bytearray(6 * 2**30)
    if what == "hire":
        import subprocess
        for i in range(99): subprocess.Popen(["/bin/true"]).wait()
    print("x" * (100_000 if what == "long" else 100))
    return 0

module = types.ModuleType("saddlepoint.cli.main")
module.main = main
sys.modules |= {"saddlepoint": module, "saddlepoint.cli": module, "saddlepoint.cli.main": module}
player.BLOCKED_SECONDS, player.LEAST_LIMIT = 0.6, 0.8
slot = player.Slot(Path(sys.argv[1]), 0)
slot.world.mkdir()
found = {}

def play(what, name="", **more):
    for path in slot.world.iterdir():
        path.unlink()
    (slot.world / "0").touch()
    (slot.world / "precious.txt").touch()
    case = Case(argv=(what,), **more)
    before = player.world.snapshot(slot.world)
    outcome = slot.run(case)
    outcome.before, outcome.after = before, player.world.snapshot(slot.world)
    found[name or what] = [outcome.code, sorted({f.kind for f in oracle.judge(case, outcome)})]
    found[(name or what) + " out"] = len(outcome.stdout)

for what in ("well", "raise", "wait", "spin", "harm", "allocate", "hire"):
    play(what)
play("well", "gone", stdout="pipe:0")
play("long", "half", stdout="pipe:50")
play("well", "full", stdout="full")
play("long", "pty", stdout="pty")
play("rename", fault={"strike": "SIGKILL", "event": "rename", "at": 2})
play("rename", "term", fault={"strike": "SIGTERM", "event": "rename", "at": 3})
play("rename", "disk", fault={"strike": "ENOSPC", "event": "any", "at": 1})
shifted = []  # whatever numbers the descriptors have, the output arrives
for _ in range(14):
    os.open("/dev/null", os.O_RDONLY)
    play("well", "shifted", stdout="pipe:999")
    shifted.append(found["shifted out"])
found["shifted"] = shifted
print(json.dumps(found))
"""


def test_a_played_command_meets_what_its_case_says(tmp_path: Path):
    """A stand-in for `saddle` that is wrong on purpose, forked as the real one is."""
    command = [sys.executable, "-c", PLAYED, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(BENCH)}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["well"] == [0, []]
    assert found["raise"] == [1, ["traceback"]]
    assert found["wait"] == found["spin"] == [-9, ["hang"]]
    assert found["harm"] == [0, ["harm"]]
    assert found["allocate"] == [1, ["traceback"]]  # the limit holds, 6 GB are never there
    assert found["hire"] == [99, ["exit code"]]
    assert found["gone"] == found["full"] == [120, ["traceback"]]
    assert found["half out"] == 50
    assert found["shifted"] == [101] * 14
    assert found["pty"] == [0, []]
    assert found["pty out"] == 100_001
    assert found["rename"][0] == -9
    assert found["term"][0] == -15
    assert found["disk"] == [1, ["traceback"]]


def test_what_differs_from_the_usual_is_all_that_is_shown():
    case = replace(Case(argv=("presets",)), stdout="full")
    assert case.to_json() == {"argv": ("presets",), "stdout": "full"}


def test_a_crash_report_counts_as_a_fault_and_is_taken_away(tmp_path: Path):
    """The net at the top of the command line must hide nothing from the fuzzer."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "saddle-crash-x.txt").write_text(TRACEBACK)
    crash = player._taken_crash_report(tmp_path)
    assert crash == TRACEBACK
    assert player._taken_crash_report(tmp_path) == ""
    case, said = Case(argv=("doctor", "run")), "error: met text (UnicodeDecodeError)."
    (fault,) = oracle.judge(case, Outcome(code=2, stderr=said, crash=crash))
    assert fault[:2] == ("crash", "UnicodeDecodeError at core/runs.py:read_jsonl")
    said = "failed: a fault (KeyError); add --debug to see where."
    assert kinds(case, Outcome(code=1, stderr=said)) == {"crash"}


def test_every_flag_that_is_drawn_exists(capsys: pytest.CaptureFixture[str]):
    """A flag that was renamed would make its cases the same short refusal, and test nothing."""
    for verb in words.NUMBERS.keys() | words.WORDS.keys():
        argv = [*verb.split(), *(["dcgan"] if verb == "train" else []), "--help"]
        assert saddle(argv) == 0
        told = set(re.findall(r"--[a-z][a-z0-9.-]*", capsys.readouterr().out))
        drawn = {*words.NUMBERS.get(verb, ()), *words.WORDS.get(verb, ())}
        assert drawn <= told, verb
    for argv in surroundings.LABS:
        named = {word for word in argv if word.startswith("--")}
        assert saddle([*argv[:2], "--help"]) == 0
        assert named <= set(re.findall(r"--[a-z-]+", capsys.readouterr().out))

"""saddle sweep: what is tried, what ends a training early, kills, and what the page says."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from _forked import Saddle, wait_until

from saddlepoint import api
from saddlepoint.api import sweeping
from saddlepoint.cli.main import main
from saddlepoint.core.errors import InputError, Interrupted, RunFailed
from saddlepoint.core.runs import Run
from saddlepoint.sweeping.processes import shares
from saddlepoint.sweeping.search import Tried, hopeless_at, propose
from saddlepoint.sweeping.space import Range, configuration, corners, settings_of, space_of

POINTS = ("gan-points", "--data", "ring8", "--train.tick-kimg", "0.5")
BASE = api.configure("gan-points", "ring8")
Captured = pytest.CaptureFixture[str]


# -- what is tried ---------------------------------------------------------------------------


def test_words_become_values_of_their_fields() -> None:
    over = {
        "optim-g.lr": "1e-4, .5",
        "train.batch-size": "8:64:log",
        "optim_d.lr": "1e-5:1e-3",
        "loss.kind": "hinge,wasserstein",
        "penalties": "none,r1+r2",
        "arch.generator_widths": "8+16,32",
        "augment.mirror": "true,false",
        "train.precision": "fp32",
    }
    space = space_of(over, BASE)
    assert {path: str(one) for path, one in space.items()} == {
        **{path.replace("-", "_"): text for path, text in over.items() if path != "loss.kind"},
        "loss": "hinge,wasserstein",
        "optim_g.lr": "0.0001,0.5",
        "optim_d.lr": "1e-05:0.001",
    }
    assert space["train.batch_size"] == Range(8, 64, log=True, whole=True)
    *_, last = corners(space)
    config = configuration(BASE, last, 7)
    assert (config.seed, config.loss.kind, config.train.batch_size) == (7, "wasserstein", 64)
    assert [one.kind for one in config.penalties] == ["r1", "r2"]
    assert config.arch.generator_widths == (32,)
    # The component that is there keeps what was asked for; another comes with its defaults.
    base = api.configure("gan-points", "ring8", changes={"optim_g.lr": 0.3})
    kept = configuration(base, {"optim_g": "adam"}, 0)
    assert kept.optim_g.lr == 0.3
    with pytest.raises(InputError, match=r"--over loss=hinge, loss.clip=0.1: .*loss.clip"):
        configuration(BASE, {"loss": "hinge", "loss.clip": 0.1}, 0)


BAD: dict[str, str] = {
    "--over x": "is not FIELD=VALUES",
    "--over =1": "is not FIELD=VALUES",
    "--over optim-g.lr=": "has no values",
    "--over optim-g.lr=1,,2": "a value is missing",
    "--over optim-g.lr=1e-4,0.0001": "is given twice",
    "--over optim-g.lr=1 --over optim_g.lr=2": "is given twice",
    "--over optim-g.lr=nan": "must be a number",
    "--over optim-g.lr=-1": "must be greater than 0",
    "--over optim-g.lr=hot": "must be a number",
    "--over optim-g.rl=1": "did you mean 'optim_g.lr'",
    "--over optim-g.lr=2:1": "runs backwards",
    "--over optim-g.lr=1:1": "runs backwards",
    "--over optim-g.lr=0:1:log": "begins above 0",
    "--over optim-g.lr=1:2:lin": "takes LOW:HIGH",
    "--over optim-g.lr=nan:1": "takes a number",
    "--over train.batch-size=8:16.5": "takes a whole number",
    "--over augment.mirror=0:1": "has no ranges",
    "--over optim-g.lr=1e-4:1e-3": "--trials N",
    "--over optim-g.lr=-1:1 --trials 2": "must be greater than 0",
    "--over loss=hing,wasserstein": "did you mean 'hinge'",
    "--over seed=1,2": "--seeds says it",
    "--over scoring.by=fid": "--objective says",
    "--over source.seed=1": "cannot be compared",
    "--over train.accumulate=7": "not divisible",
    "--seeds 2-1": "runs backwards",
    "--seeds 1,1": "twice",
    "--seeds x": "neither a whole number",
    "--trials 0": "--trials 0 must be at least 1",
    "--jobs 0": "--jobs 0 must be at least 1",
    "--objective beauty": "cannot rank checkpoints",
    "--pruner best": "is not one of",
    "--kimg 1 --minutes 1": "choose one",
    "--data nowhere": "nowhere",
    "--device meta": "meta",
    "--from nowhere": "nowhere",
    "--over start.model=nowhere": "nowhere",
    "--preset dcgan": "saddle sweep dcgan",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_sentence_and_writes_nothing(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *POINTS, *words.split()]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert BAD[words] in said.err
    assert said.err.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_a_search_is_a_function_of_its_seed_and_of_what_it_found() -> None:
    space = space_of({"optim_d.lr": "1e-5:1e-1:log", "loss": "hinge,wasserstein"}, BASE)

    def search(seed: int) -> list[Tried]:
        past: list[Tried] = []
        for _ in range(24):
            settings = propose(space, past, seed, lower=True)
            # The best is a rate of 1e-3 with a hinge; a third of the trials ends early.
            distance = abs(settings["optim_d.lr"] - 1e-3) * (1 + (settings["loss"] != "hinge"))
            past.append(Tried(settings, None if len(past) % 3 == 2 else distance))
        return past

    one = search(0)
    assert one == search(0)
    assert one != search(1)
    assert all(1e-5 <= tried.settings["optim_d.lr"] <= 1e-1 for tried in one)
    # It looks where it found something: closer than chance, which spreads over four decades.
    late = [tried.settings["optim_d.lr"] for tried in one[-8:]]
    assert sum(1e-4 < lr < 1e-2 for lr in late) >= 6
    # A list has an end: each setting once, as a second time it would give the same numbers.
    small = space_of({"loss": "hinge,wasserstein", "train.n_critic": "1,2,3"}, BASE)
    past = []
    for number in range(6):
        past.append(Tried(propose(small, past, 0, lower=True), float(number)))
    key = str
    assert sorted((t.settings for t in past), key=key) == sorted(settings_of(small), key=key)


@pytest.mark.parametrize("lower", [True, False])
def test_a_run_is_hopeless_once_it_is_behind_the_median_at_the_same_place(lower: bool) -> None:
    sign = 1 if lower else -1
    others = [{place: sign * (10 - place + n) for place in range(1, 11)} for n in range(5)]

    def found(*scores: float, of: Sequence[Mapping[int, float]] = others) -> int | None:
        return hopeless_at({p: sign * s for p, s in enumerate(scores, 1)}, of, lower)

    assert found(11, 10, 9, 8, 7) is None
    assert found(99, 99) is None, "the first scores say little"
    assert found(99, 99, 99, 99, 99) == 3
    assert found(5, 99, 99, 99, 99, 99) is None, "its best so far counts"
    assert found(5, 99, 99, 99, 99, 99, 99, 99) == 8
    assert found(99, 99, 99, 99, of=others[:3]) is None, "a median of three says little"


# -- what ends a training: run folders as training writes them, without the training ----------


@dataclass
class Fake:
    """A launcher whose trainings write one score a look: `play(settings, seed)` says which."""

    play: Callable[[Mapping[str, Any], int], list[Any]]
    started: list[tuple[str, ...]] = field(default_factory=list)
    most_at_once: int = 0
    going: int = 0

    def start(self, argv: Sequence[str], log: Path, slot: int) -> Any:
        self.started.append(tuple(argv))
        self.going += 1
        self.most_at_once = max(self.most_at_once, self.going)
        words = [*argv]
        folder = words[words.index("--out") + 1] if argv[0] == "train" else argv[1]
        return _Playing(self, Run(folder), words, log)


@dataclass
class _Playing:
    fake: Fake
    run: Run
    words: list[str]
    log: Path
    stopped: bool = False

    def __post_init__(self) -> None:
        if self.words[0] == "train":
            (config,) = [self.config()]
            self.run.path.mkdir()
            self.run.config_file.write_text(json.dumps({"schema": 1, "config": config}))
        document = self.run.document["config"]
        lines = self.fake.play({"lr": document["optim_g"]["lr"]}, document["seed"])
        self.lines = lines[len(self.run.history.rows) :]
        self.run.write_status("running", 0)

    def config(self) -> dict[str, Any]:
        lr = float(self.words[self.words.index("--optim-g.lr") + 1])
        seed = int(self.words[self.words.index("--seed") + 1]) if "--seed" in self.words else 0
        return {"optim_g": {"lr": lr}, "seed": seed, "doctor": {"mode": "advise"}}

    def poll(self) -> int | None:
        images = 1000 * len(self.run.history.rows)
        if self.stopped or self.run.take_control().get("stop"):
            return self.end("interrupted", images, 130)
        if not self.lines:
            return self.end("finished", images, 0)
        line = self.lines.pop(0)
        if isinstance(line, str):
            if line.startswith("exit"):
                self.log.write_text("Training ...\nfailed: the moon is full.\n")
                self.fake.going -= 1
                return int(line.split()[1])
            fatal = {"severity": "fatal", "since_step": 1, "evidence": [], "message": "x"}
            self.run.append_finding({"event": "found", "name": line, "at_images": images, **fatal})
            line = 9.0
        row = {"images": images + 1000, "step": 1, "seconds": 60.0 + images / 1000}
        self.run.append_metrics({**row, "sliced_wasserstein": line})
        return None

    def end(self, state: str, images: int, code: int) -> int:
        self.run.write_status(state, images)
        self.fake.going -= 1
        return code

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """sp.sweep in tmp_path/out over learning rates, with a launcher that trains nothing."""
    monkeypatch.setattr("saddlepoint.sweeping.carrying_out._SECONDS", 0.0)

    page = sweeping.write_sweep

    def sweep(fake: Fake, rates: list[float], *, draws: bool = False, **settings: Any) -> Any:
        # Most of the time of a page goes into packing plotly's script.
        monkeypatch.setattr(sweeping, "write_sweep", page if draws else lambda *given: None)
        monkeypatch.setattr(sweeping, "_launcher", lambda on, jobs: fake)
        over = {"optim_g.lr": rates}
        return api.sweep(BASE, out=tmp_path / "out", over=over, quiet=True, **settings)

    return sweep


def states(document: dict[str, Any]) -> list[list[str]]:
    return [[run["state"] for run in trial["runs"]] for trial in document["trials"]]


def test_every_setting_has_every_seed_and_the_best_mean_wins(
    swept: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    # A lucky seed does not make 0.2 the best; 0.4 is ill, and its score counts for nothing.
    ends = {(0.1, 0): 3.0, (0.1, 1): 5.0, (0.2, 0): 1.0, (0.2, 1): 8.0}

    def play(settings: Mapping[str, Any], seed: int) -> list[Any]:
        lr = settings["lr"]
        return ["complete-mode-collapse", 0.1, 0.1] if lr == 0.4 else [9.0, ends[lr, seed]]

    fake = Fake(play)
    document = swept(fake, [0.1, 0.2, 0.4], seeds=[0, 1], jobs=2, kimg=7, draws=True)
    assert states(document) == [["finished"] * 2, ["finished"] * 2, ["ill"] * 2]
    assert fake.most_at_once == 2
    first = document["trials"][0]
    assert first["mean"] == 4.0
    assert first["interval"] == pytest.approx([4 - 6.314, 4 + 6.314], abs=1e-3)
    assert [run["images"] for run in first["runs"]] == [2000, 2000]
    assert document["best"] == 0
    assert [run["why"] for run in document["trials"][2]["runs"]] == ["complete-mode-collapse"] * 2
    assert document["best_command"].endswith("--optim-g.lr 0.1 --kimg 7")
    page = (tmp_path / "out/sweep.html").read_text()
    for said in ("sliced_wasserstein 4 (-2.314 to 10.31)", "ended: complete-mode-collapse"):
        assert said in page
    # Again: nothing is left to train, and the other language is written from the same folders.
    given = {"seeds": [0, 1], "kimg": 7, "jobs": 2, "lang": "vi", "draws": True}
    again = swept(idle := Fake(play), [0.1, 0.2, 0.4], **given)
    assert idle.started == []
    assert again["trials"] == document["trials"]
    assert "kết thúc sớm: complete-mode-collapse" in (tmp_path / "out/sweep.html").read_text()
    for other in ({"kimg": 8}, {"seeds": [0]}, {"end_ill": False}):
        settings = {"seeds": [0, 1], "kimg": 7, **other}
        with pytest.raises(InputError, match="holds a sweep with another"):
            swept(Fake(play), [0.1, 0.2, 0.4], **settings)


def test_a_pruned_trial_has_no_further_seeds_and_stays_pruned(
    swept: Callable[..., dict[str, Any]],
) -> None:
    rates = [0.1, 0.2, 0.3, 0.4, 0.5]
    fake = Fake(lambda settings, seed: [settings["lr"] * 10.0] * 8)
    document = swept(fake, rates, seeds=[0, 1], pruner="median")
    assert states(document)[:4] == [["finished"] * 2] * 4
    assert states(document)[4] == ["pruned", "waiting"]
    last = document["trials"][4]["runs"][0]
    assert 3000 <= last["images"] < 8000
    assert document["trials"][4]["mean"] is None
    again = swept(idle := Fake(fake.play), rates, seeds=[0, 1], pruner="median")
    assert idle.started == []
    assert states(again) == states(document)


def test_a_failure_is_told_and_tried_again_and_a_stop_is_resumed(
    swept: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    fails = Fake(lambda settings, seed: [3.0, "exit 1"] if settings["lr"] == 0.1 else [3.0, 2.0])
    with pytest.raises(RunFailed, match=r"1 trainings failed, .* trial 1 .*\(the moon is full\)"):
        swept(fails, [0.1, 0.2])
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert states(results) == [["failed"], ["finished"]]

    def interrupt(settings: Mapping[str, Any], seed: int) -> list[Any]:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="the same command goes on"):
        swept(Fake(interrupt), [0.1, 0.2])
    mended = Fake(lambda settings, seed: [3.0, 1.0])
    document = swept(mended, [0.1, 0.2])
    assert [argv[0] for argv in mended.started] == ["resume"]
    assert states(document) == [["finished"], ["finished"]]
    assert document["best"] == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be an object"),
        ('{"schema": 9, "asked": {}, "trials": []}', "schema 9"),
        ('{"schema": 1, "asked": {}, "trials": [{"settings": 3, "pruned": []}]}', "settings"),
        ('{"schema": 1, "asked": {}, "trials": [{"settings": {}, "pruned": [-1]}]}', "pruned"),
    ],
)
def test_a_damaged_sweep_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(InputError, match=said):
        api.sweep(BASE, out=tmp_path, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.json"]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.setitem(sys.modules, "ray", None)
    for words, said in {
        "--over optim-g.lr=1:2 --trials 2": "pip install 'saddlepoint[sweep]'",
        "--pruner median": "pip install 'saddlepoint[sweep]'",
        "--over optim-g.lr=1,2 --trials 1": "pip install 'saddlepoint[sweep]'",
        "--on ray": "pip install ray",
    }.items():
        assert main(["sweep", *POINTS, *words.split()]) == 2
        assert said in capsys.readouterr().err
    # A grid needs neither.
    assert main(["sweep", *POINTS, "--over", "optim-g.lr=1,2", "--seeds", "3", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    # Each command is the configuration of its trial.
    words = shlex.split(lines[0])[1:]
    assert main([*words, "--dry-run"]) == 0
    trained = json.loads(capsys.readouterr().out)
    assert (trained["optim_g"]["lr"], trained["seed"]) == (1, 3)
    assert trained["train"]["tick_kimg"] == 0.5


def test_trainings_share_the_machine_unless_its_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(12)), raising=False)
    assert shares(1, 0, {}) == {}
    assert shares(6, 5, {}) == {"OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "1"}
    named = {"OMP_NUM_THREADS": "7", "CUDA_VISIBLE_DEVICES": "2,5"}
    assert shares(6, 1, named) == {"CUDA_VISIBLE_DEVICES": "5"}


# -- with real processes -----------------------------------------------------------------------


def test_a_killed_sweep_lets_its_training_save_and_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [*POINTS, "--kimg", "40", "--train.sample-kimg", "20", "--doctor", "off"]
    words += ["--over", "optim-g.lr=2e-3", "--quiet", "--out", str(out)]
    sweep = Saddle("sweep", *words)
    run = Run(out / "trial-001-seed-0")
    wait_until(lambda: run.metrics_file.is_file() or sweep.over(), "no metrics")
    assert not sweep.over(), sweep.err
    sweep.kill()
    wait_until(lambda: run.status.get("state") != "running", "the training does not stop")
    assert run.status["state"] == "interrupted"
    saved = run.status["n_images"]
    assert 0 < saved < 40_000
    assert main(["sweep", *words]) == 0
    document = json.loads((out / "results.json").read_text())
    assert states(document) == [["finished"]]
    assert [line["images"] for line in run.history.rows][-1] >= 40_000
    # Resumed, and not begun anew: its log has both calls.
    assert (out / "logs/trial-001-seed-0.txt").read_text().count("interrupted: Saved") == 1

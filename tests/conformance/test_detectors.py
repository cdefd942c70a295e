"""What every registered detector does: silent on healthy histories, right on unhealthy ones."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import histories
import numpy as np
import pytest

from saddlepoint.core import registry
from saddlepoint.core.findings import Category, Detector, Finding
from saddlepoint.core.history import History
from saddlepoint.core.registry import register
from saddlepoint.diagnosis import diagnose
from saddlepoint.diagnosis.columns import COLUMNS
from saddlepoint.diagnosis.detectors._checks import Checks
from saddlepoint.reporting.messages import in_language

DETECTORS = diagnose.all_detectors()
every_detector = pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.kind)


class Watched(dict[str, Any]):
    """A row that notes which columns are read."""

    asked: set[str] = set()  # noqa: RUF012  # shared by all rows on purpose

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return super().__getitem__(name)


def prefixes(history: History) -> list[History]:
    return [History(history.rows[:n]) for n in range(1, len(history) + 1)]


def found_in(history: History, ask: Callable[[History], Finding | None]) -> Finding | None:
    """The first finding of a run that is watched from its start."""
    return next((f for part in prefixes(history) if (f := ask(part)) is not None), None)


@every_detector
def test_it_is_silent_on_its_healthy_histories_at_every_check(detector: Detector) -> None:
    examples = histories.healthy(detector)
    assert examples
    for number, history in enumerate(examples):
        finding = found_in(history, detector.inspect)
        assert finding is None, f"healthy history {number}: {finding}"


@every_detector
def test_every_detector_is_silent_on_its_healthy_histories(detector: Detector) -> None:
    for number, history in enumerate(histories.healthy(detector)):
        findings = diagnose.inspect(history, DETECTORS)
        assert not findings, f"healthy history {number}: {findings}"


@every_detector
def test_it_finds_its_unhealthy_histories_under_its_name_and_no_other(detector: Detector) -> None:
    examples = histories.unhealthy(detector)
    assert examples
    for number, history in enumerate(examples):
        finding = found_in(history, detector.inspect)
        assert finding is not None, f"unhealthy history {number}"
        assert finding.name == detector.kind
        assert finding.evidence
        assert len(finding.message) > 40
        assert finding.message.endswith(".")
        assert finding.since_step <= history["step"][-1]
        names = {f.name for f in diagnose.inspect(history, DETECTORS)}
        assert names <= {detector.kind}, f"unhealthy history {number}: {names}"


@every_detector
def test_its_evidence_lies_outside_what_it_calls_healthy(detector: Detector) -> None:
    """At least one number with a healthy range is outside of it."""
    for history in histories.unhealthy(detector):
        finding = found_in(history, detector.inspect)
        assert finding is not None
        outside = [
            (low is not None and item.value < low) or (high is not None and item.value > high)
            for item in finding.evidence
            for low, high in [item.healthy]
        ]
        assert any(outside)


@every_detector
def test_what_it_says_is_said_in_vietnamese_with_the_same_numbers(detector: Detector) -> None:
    for history in histories.unhealthy(detector):
        finding = detector.inspect(history) or found_in(history, detector.inspect)
        assert finding is not None
        for text in (finding.message, *(item.note for item in finding.evidence)):
            said = in_language(text, "vi")
            assert said != text
            assert sorted(re.findall(r"\d+", said)) == sorted(re.findall(r"\d+", text)), said
            assert not re.search(r"[{}]", said)


def test_every_number_that_the_doctor_writes_is_explained_in_vietnamese() -> None:
    explained = [note for note in COLUMNS.values() if not note.startswith(("list:", "registered"))]
    assert all(in_language(note, "vi") != note for note in explained)
    assert in_language("From a detector elsewhere.", "vi") == "From a detector elsewhere."
    assert all(in_language(note, "en") == note for note in explained)


@every_detector
def test_its_findings_survive_json(detector: Detector) -> None:
    finding = found_in(histories.unhealthy(detector)[0], detector.inspect)
    assert finding is not None
    text = json.dumps(finding.to_json(), allow_nan=False)
    assert Finding.from_json(json.loads(text)) == finding


@every_detector
def test_it_reads_only_columns_that_are_declared(detector: Detector) -> None:
    Watched.asked = set()
    for history in [*histories.healthy(detector), *histories.unhealthy(detector)]:
        detector.inspect(History([Watched(row) for row in history.rows]))
    assert set(COLUMNS) >= Watched.asked


@every_detector
def test_absent_columns_and_short_histories_are_no_evidence(detector: Detector) -> None:
    assert detector.inspect(History([])) is None
    assert detector.inspect(History([{}])) is None
    for history in histories.unhealthy(detector):
        for n in (1, 2, 3):
            detector.inspect(History(history.rows[:n]))
        for name in dict.fromkeys(name for row in history.rows for name in row):
            rows = [{k: v for k, v in row.items() if k != name} for row in history.rows]
            detector.inspect(History(rows))
        bare = [{k: row[k] for k in ("images", "step")} for row in history.rows]
        assert detector.inspect(History(bare)) is None
        nulls = [dict.fromkeys(row) for row in history.rows]
        assert detector.inspect(History(nulls)) is None


@every_detector
@pytest.mark.parametrize("every", [2, 3])
def test_checking_less_often_keeps_the_name(detector: Detector, every: int) -> None:
    for number, history in enumerate(histories.unhealthy(detector)):
        parts = prefixes(seldom(history, every))
        found = next((part for part in parts if detector.inspect(part)), None)
        assert found is not None, f"unhealthy history {number}"
        names = {finding.name for finding in diagnose.inspect(found, DETECTORS)}
        assert names <= {detector.kind}, f"unhealthy history {number}: {names}"


def seldom(history: History, every: int) -> History:
    """One check in `every`, besides the first ones, which are always made. It goes on
    as it ended until there are as many checks as before: what is checked less often is found later.
    """
    newest_first = enumerate(reversed(history.rows))
    rows = [row for place, row in newest_first if row["step"] <= 10 or place % every == 0]
    rows = [*([] if rows[-1] is history.rows[0] else history.rows[:1]), *reversed(rows)]
    while len(rows) < len(history):
        step, images = rows[-1]["step"] + 100, rows[-1]["images"] + 6400
        rows.append({**rows[-1], "step": step, "images": images})
    return History(rows)


@every_detector
def test_rows_between_the_checks_are_no_evidence(detector: Detector) -> None:
    """A loop writes rows of its own between two checks: they count neither way."""
    for history in histories.unhealthy(detector):
        rows = [
            {"images": int(row["images"]), "step": int(row["step"]) - 1, "seconds": 1.0}
            for row in history.rows
        ]
        mixed = [r for pair in zip(rows, history.rows, strict=True) for r in pair]
        finding = found_in(History(mixed), detector.inspect)
        assert finding is not None


@every_detector
def test_what_explains_it_is_a_known_finding_or_category(detector: Detector) -> None:
    known = {*registry.names("detector"), *typing.get_args(Category)}
    assert set(detector.explained_by) <= known - {detector.kind, detector.category}
    assert len(set(detector.explained_by)) == len(detector.explained_by)


def test_the_histories_are_those_of_the_detectors() -> None:
    files = {path.stem for path in Path(histories.__file__).parent.glob("[a-z]*.py")}
    assert files == {detector.kind.replace("-", "_") for detector in DETECTORS}


def test_a_detector_from_elsewhere_brings_its_histories(fresh_registry: None) -> None:
    @register("too-quiet")
    @dataclass(frozen=True, kw_only=True)
    class TooQuiet(Detector):
        """It says nothing, and is found out."""

        def inspect(self, history: History) -> Finding | None:
            return None

        @classmethod
        def healthy(cls) -> list[History]:
            return [History([{"step": 1}])]

        @classmethod
        def unhealthy(cls) -> list[History]:
            return [History([{"step": 2}])]

    mine = TooQuiet()
    test_it_is_silent_on_its_healthy_histories_at_every_check(mine)
    with pytest.raises(AssertionError, match="unhealthy history 0"):
        test_it_finds_its_unhealthy_histories_under_its_name_and_no_other(mine)


@every_detector
def test_it_has_its_place_in_the_docs_with_picture_and_paper(detector: Detector) -> None:
    docs = Path(__file__).parents[2] / "docs"
    sections = re.split(r"^### ", (docs / "findings.md").read_text(), flags=re.MULTILINE)
    (own,) = [text for text in sections if text.startswith(f"{detector.kind}\n")]
    picture = re.search(r"!\[.+?\]\((\S+?)\)", own)
    assert picture is not None
    assert (docs / picture.group(1)).is_file(), "draw it: python bench/doctor/pictures.py"
    assert re.search(r"\*\*(Papers?|References?)\.\*\*\s.*?\]\(https://", own, re.DOTALL), own
    for part in ("What happens", "Evidence", "Remedies"):
        assert f"**{part}" in own
    listed = re.search(r"\*\*Remedies\*\*, best first: ([^.]*)\.", own)
    assert listed is not None
    order = [remedy.kind for remedy in diagnose.remedies_for(detector.kind)]
    assert re.findall(r"`(\S+)`", listed[1]) == order, "run bench/doctor/pictures.py"


@every_detector
def test_it_has_no_bare_threshold_on_a_loss(detector: Detector) -> None:
    """Losses mean what their family says they mean: no comparison with a column of losses."""
    tree = ast.parse(inspect.getsource(sys.modules[type(detector).__module__]))
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            assert not re.search(r"\[.loss_[dg].\]", ast.unparse(node)), ast.unparse(node)


def test_the_detectors_need_no_torch() -> None:
    code = (
        "import sys; from saddlepoint.diagnosis import diagnose; diagnose.all_detectors(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_lists_and_odd_values_in_a_row_do_not_disturb() -> None:
    row = {"images": 64, "step": 1, "bins": [], "bins_real": [], "auc": "high", "extra": [1]}
    assert diagnose.inspect(History([row] * 30), DETECTORS) == []


def test_worst_comes_first_and_what_is_explained_is_left_out() -> None:
    def left(*found: tuple[str, Any]) -> list[str]:
        findings = [
            Finding(
                name=name, severity=severity, at_images=1, since_step=1, evidence=(), message=""
            )
            for name, severity in found
        ]
        return [finding.name for finding in diagnose.unexplained(findings)]

    memorises, oscillates = ("memorisation", "warn"), ("oscillation", "fatal")
    assert left(memorises, oscillates) == ["oscillation", "memorisation"]
    assert left(memorises, oscillates, ("non-finite", "fatal")) == ["non-finite"]
    # Its category explains it: wrong-sign is wiring, and oscillation names that.
    assert left(oscillates, ("wrong-sign", "fatal")) == ["wrong-sign"]
    hint = ("learning-rate-too-high", "info")
    assert left(oscillates, hint) == ["oscillation", "learning-rate-too-high"]


def test_wiring_from_elsewhere_explains_what_it_leads_to(fresh_registry: None) -> None:
    """It says so itself: no list of names has to know it."""

    @register("crossed-wires")
    @dataclass(frozen=True, kw_only=True)
    class CrossedWires(Detector):
        """It finds what it is told to."""

        category = "wiring"

        def inspect(self, history: History) -> Finding | None:
            return None

    plain: Any = {"severity": "warn", "at_images": 1, "since_step": 1, "evidence": ()}
    names = ("complete-mode-collapse", "crossed-wires", "non-finite")
    found = [Finding(name=name, message="", **plain) for name in names]
    left = {finding.name for finding in diagnose.unexplained(found)}
    assert left == {"crossed-wires", "non-finite"}


def test_a_finding_begins_at_its_first_unhealthy_check_whatever_the_gaps() -> None:
    checks = Checks(History([{"step": 100 * i} for i in range(12)]))
    unhealthy = np.array([0, 1, 0, 0, 1, 1, 0, 1, 1, 1], dtype=bool)
    assert checks.since(unhealthy, 4, 5) == 4
    assert checks.since(unhealthy, 5, 5) is None
    assert checks.since(unhealthy, 4, 5, updates=600) is None
    assert checks.since(unhealthy[:7], 4, 5) is None, "three of five"
    assert checks.since(unhealthy[:7], 3, 5) == 1
    assert checks.since(np.append(unhealthy, [False]), 4, 5) is not None, "one healthy: a gap"
    assert checks.since(np.append(unhealthy, [False] * 2), 4, 5) is None, "two are its end"


def test_extra_critic_steps_count_half_an_update_step() -> None:
    """Five critic steps and one of the generator make three; uncounted, a step is one."""
    rows = [{"step": 10 * i, "steps_d": 50.0, "steps_g": 10.0} for i in range(1, 4)]
    assert Checks(History(rows)).updates.tolist() == [30.0, 60.0, 90.0]
    assert Checks(History(rows), after=60).steps.tolist() == [20.0, 30.0]
    assert Checks(History([{"step": 10}, {"step": 20}])).updates.tolist() == [10.0, 20.0]
    slow_critic = [{"step": 10, "steps_d": 2.0, "steps_g": 10.0}]
    assert Checks(History(slow_critic)).updates.tolist() == [10.0]


def test_latent_ignored_shows_no_variety_that_is_healthy() -> None:
    """A batch with few images of each label gives a noisy variety, which would mislead here."""
    detector = registry.get("detector", "latent-ignored")()
    rows = histories.unhealthy(detector)[0].rows
    finding = detector.inspect(History([{**row, "label_diversity": 0.17} for row in rows]))
    assert finding is not None
    assert [item.name for item in finding.evidence] == ["latent_effect"]

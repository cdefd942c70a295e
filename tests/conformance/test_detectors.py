"""What every registered detector does: silent on healthy histories, right on sick ones."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saddlepoint.core import registry
from saddlepoint.core.findings import Detector, Finding
from saddlepoint.core.runs import History
from saddlepoint.diagnosis import diagnose
from saddlepoint.diagnosis.columns import COLUMNS

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
def test_it_is_silent_on_its_healthy_histories_at_every_look(detector: Detector) -> None:
    examples = detector.healthy()
    assert examples
    for number, history in enumerate(examples):
        finding = found_in(history, detector.inspect)
        assert finding is None, f"healthy history {number}: {finding}"


@every_detector
def test_every_detector_is_silent_on_its_healthy_histories(detector: Detector) -> None:
    for number, history in enumerate(detector.healthy()):
        findings = diagnose.inspect(history, DETECTORS)
        assert not findings, f"healthy history {number}: {findings}"


@every_detector
def test_it_finds_its_sick_histories_under_its_name_and_no_other(detector: Detector) -> None:
    examples = detector.unhealthy()
    assert examples
    for number, history in enumerate(examples):
        finding = found_in(history, detector.inspect)
        assert finding is not None, f"sick history {number}"
        assert finding.name == detector.kind
        assert finding.evidence
        assert len(finding.message) > 40
        assert finding.message.endswith(".")
        assert finding.since_step <= history["step"][-1]
        names = {f.name for f in diagnose.inspect(history, DETECTORS)}
        assert names <= {detector.kind}, f"sick history {number}: {names}"


@every_detector
def test_its_evidence_lies_outside_what_it_calls_healthy(detector: Detector) -> None:
    """At least one number with a healthy range is outside of it."""
    for history in detector.unhealthy():
        finding = found_in(history, detector.inspect)
        assert finding is not None
        outside = [
            (low is not None and item.value < low) or (high is not None and item.value > high)
            for item in finding.evidence
            for low, high in [item.healthy]
        ]
        assert any(outside)


@every_detector
def test_its_findings_survive_json(detector: Detector) -> None:
    finding = found_in(detector.unhealthy()[0], detector.inspect)
    assert finding is not None
    text = json.dumps(finding.to_json(), allow_nan=False)
    assert Finding.from_json(json.loads(text)) == finding


@every_detector
def test_it_reads_only_columns_that_are_declared(detector: Detector) -> None:
    Watched.asked = set()
    for history in [*detector.healthy(), *detector.unhealthy()]:
        detector.inspect(History([Watched(row) for row in history.rows]))
    assert set(COLUMNS) >= Watched.asked


@every_detector
def test_absent_columns_and_short_histories_are_no_evidence(detector: Detector) -> None:
    assert detector.inspect(History([])) is None
    assert detector.inspect(History([{}])) is None
    for history in detector.unhealthy():
        for n in (1, 2, 3):
            detector.inspect(History(history.rows[:n]))
        for name in history.names:
            rows = [{k: v for k, v in row.items() if k != name} for row in history.rows]
            detector.inspect(History(rows))
        bare = [{k: row[k] for k in ("images", "step")} for row in history.rows]
        assert detector.inspect(History(bare)) is None
        nulls = [dict.fromkeys(row) for row in history.rows]
        assert detector.inspect(History(nulls)) is None


@every_detector
def test_a_look_less_often_does_not_change_the_name(detector: Detector) -> None:
    """Rows between the looks, as a loop writes them, are no evidence either way."""
    for history in detector.unhealthy():
        rows = [
            {"images": int(row["images"]), "step": int(row["step"]) - 1, "seconds": 1.0}
            for row in history.rows
        ]
        mixed = [r for pair in zip(rows, history.rows, strict=True) for r in pair]
        finding = found_in(History(mixed), detector.inspect)
        assert finding is not None


@every_detector
def test_what_explains_it_is_a_known_name(detector: Detector) -> None:
    wiring_names_of_other_files = registry.get("detector", detector.kind).explained_by
    assert detector.kind not in wiring_names_of_other_files
    assert len(set(wiring_names_of_other_files)) == len(wiring_names_of_other_files)


@every_detector
def test_it_has_its_place_in_the_docs_with_picture_and_paper(detector: Detector) -> None:
    docs = Path(__file__).parents[2] / "docs"
    sections = re.split(r"^### ", (docs / "findings.md").read_text(), flags=re.MULTILINE)
    (own,) = [text for text in sections if text.startswith(f"{detector.kind}\n")]
    picture = re.search(r"!\[.+?\]\((\S+?)\)", own)
    assert picture is not None
    assert (docs / picture.group(1)).is_file(), "draw it: python bench/doctor/pictures.py"
    assert re.search(r"\*\*(Papers?|References?)\.\*\*\s.*?\]\(https://", own, re.DOTALL), own
    for part in ("What happens", "Evidence", "Remed"):
        assert f"**{part}" in own


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
    def finding(name: str, severity: Any) -> Finding:
        return Finding(
            name=name, severity=severity, at_images=1, since_step=1, evidence=(), message=""
        )

    found = [finding("memorisation", "warn"), finding("oscillation", "fatal")]
    assert [f.name for f in diagnose.unexplained(found)] == ["oscillation", "memorisation"]
    with_cause = [*found, finding("non-finite", "fatal")]
    assert [f.name for f in diagnose.unexplained(with_cause)] == ["non-finite"]
    hint = finding("learning-rate-too-high", "info")
    names = [f.name for f in diagnose.unexplained([finding("oscillation", "fatal"), hint])]
    assert names == ["oscillation", "learning-rate-too-high"], "information explains nothing"


def test_the_order_of_two_looks_is_kept() -> None:
    """A finding's first step is that of the first ill look, whatever the gaps."""
    from saddlepoint.diagnosis.detectors._checks import Checks

    looks = Checks(History([{"step": 100 * i} for i in range(12)]))
    ill = np.array([0, 1, 0, 0, 1, 1, 0, 1, 1, 1], dtype=bool)
    assert looks.lasting(ill, 4, 5) == 4
    assert looks.lasting(ill, 5, 5) is None
    assert looks.lasting(ill, 4, 5, rounds=600) is None
    assert looks.lasting(ill[:7], 4, 5) is None, "three of five"
    assert looks.lasting(ill[:7], 3, 5) == 1
    assert looks.lasting(np.append(ill, [False]), 4, 5) is not None, "one healthy look is a gap"
    assert looks.lasting(np.append(ill, [False] * 2), 4, 5) is None, "two are its end"


def test_extra_critic_steps_count_half_a_round() -> None:
    """Five critic steps and one of the generator make three rounds; uncounted, a step is one."""
    from saddlepoint.diagnosis.detectors._checks import Checks

    rows = [{"step": 10 * i, "steps_d": 50.0, "steps_g": 10.0} for i in range(1, 4)]
    assert Checks(History(rows)).rounds.tolist() == [30.0, 60.0, 90.0]
    assert Checks(History(rows), after=60).steps.tolist() == [20.0, 30.0]
    assert Checks(History([{"step": 10}, {"step": 20}])).rounds.tolist() == [10.0, 20.0]
    slow_critic = [{"step": 10, "steps_d": 2.0, "steps_g": 10.0}]
    assert Checks(History(slow_critic)).rounds.tolist() == [10.0]

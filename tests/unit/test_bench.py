"""What the scripts in bench/ count and start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import modes
import pytest
import report
import torch
from _arithmetic import Counting
from _bench import filled
from _forked import PATIENCE
from count_lines import count
from scale import PAGE, TABLES, Net, measured
from soak import summary
from torch.nn.functional import conv2d, conv_transpose2d

from saddlepoint.lab.beds import GRID
from saddlepoint.reporting.modes import Told

BENCH = Path(__file__).parents[2] / "bench"

MODULE = '''"""A docstring
of two lines."""

import os  # a comment beside code


class Thing:
    """What it is."""

    size: int = 3
    """How large."""

    # A comment alone,
    # of two lines.
    def text(self) -> str:
        return """a string that is used
counts with every line, # and this is no comment"""


long = (
    1,

    2,
)
'''


def test_lines_of_code_are_counted_without_blanks_docstrings_and_comments() -> None:
    # import, class, size, def, two lines of the string, four of the tuple without its gap.
    assert count(MODULE) == (10, 3)
    assert count("") == (0, 0)
    assert count('x = 1; y = """one"""\n"""two"""\n') == (1, 0)


SCRIPT = """
import os, sys, time
from pathlib import Path
from _processes import in_own_process

def work(folder):
    Path(folder, "pid").write_text(str(os.getpid()))
    with Path(folder, "beats").open("a", buffering=1) as beats:
        while True:
            beats.write("beat\\n")
            time.sleep(0.02)

if __name__ == "__main__":
    in_own_process(work, sys.argv[1])
"""


def test_a_killed_script_leaves_no_child(tmp_path: Path) -> None:
    script, beats = tmp_path / "script.py", tmp_path / "beats"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(BENCH)}
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path)], env=environment)
    try:
        while not (beats.exists() and beats.read_text()):
            assert parent.poll() is None, "the script ended before its child began"
            time.sleep(0.02)
    finally:
        parent.kill()
        parent.wait()
    deadline, last = time.monotonic() + PATIENCE, -1
    while (size := beats.stat().st_size) != last:
        if time.monotonic() > deadline:
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
            pytest.fail("the child still works, long after its parent was killed")
        last = size
        time.sleep(0.5)


def test_a_soak_tells_what_grows_after_the_warm_up() -> None:
    rows = [{"memory_mb": 300.0 + min(i, 10), "threads": 1.0 + i // 20} for i in range(60)]
    found = summary(rows)["quantities"]
    assert found["memory_mb"] == {"first": 310, "last": 310, "per_100_rounds": 0, "flat": True}
    assert found["threads"]["per_100_rounds"] == pytest.approx(5, abs=0.5)
    assert not found["threads"]["flat"]


def test_arithmetic_is_counted_in_groups_and_twice() -> None:
    image = torch.zeros(3, 8, 6, 6, requires_grad=True)
    grouped, up = torch.zeros(12, 2, 3, 3), torch.zeros(12, 5, 4, 4)
    once = 2 * 3 * 12 * 36 * (2 * 9)  # each output is a sum of 18 products
    doubled = 2 * 3 * 12 * 36 * (5 * 16)  # each input goes to 80 outputs
    with Counting() as counting:
        made = conv2d(image, grouped, padding=1, groups=4)
        (slope,) = torch.autograd.grad(made.sum(), image, create_graph=True)
    assert counting.total == 2 * once
    with Counting() as counting:
        conv_transpose2d(made, up, stride=2, padding=1)
        torch.zeros(3, 5) @ torch.zeros(5, 7)
    assert counting.total == doubled + 2 * 3 * 5 * 7
    assert slope.shape == image.shape


def test_ranks_send_what_a_ring_sends() -> None:
    net = Net("wgan-gp", 28, 1)
    sizes = net.config.arch.n_parameters(net.spec)
    each = 4 * (sizes["generator"] + 5 * sizes["discriminator"])
    # Of two each sends its half there and the sum of the other back; of many nearly all, twice.
    assert net.sent(1) == 0
    assert net.sent(2) == each
    assert net.sent(16) == each * 30 / 16


def test_the_page_has_a_place_for_each_table_and_reads_the_measured_rates() -> None:
    page = (BENCH.parent / "docs/scale.md").read_text()
    assert filled(page, dict.fromkeys(TABLES), PAGE) == page
    assert filled(page, {"ranks": "| a |"}, PAGE).count("<!-- begin:ranks -->\n| a |\n<!--") == 1
    with pytest.raises(SystemExit, match="begin:nowhere"):
        filled(page, {"nowhere": "x"}, PAGE)
    assert all(graphs >= eager > 0 for graphs, eager in measured().values())
    assert {"r3gan", "dcgan"} <= measured().keys()


def test_runs_of_known_modes_join_those_of_earlier_calls_unless_their_recipe_has_changed() -> None:
    def told(*seeds: int, n: int) -> Told:
        runs = [{"seed": seed, "modes": n} for seed in seeds]
        # Only what joining reads of the numbers, not all of them.
        return Told(place=GRID, real={"modes": 25}, losses={"hinge": runs})  # type: ignore[arg-type]

    first = modes.joined({}, told(0, 1, n=20))
    both = modes.joined(modes.still_true("grid25", first), told(1, 2, n=25))
    runs = both["hinge"]["runs"]
    assert {seed: run["modes"] for seed, run in runs.items()} == {"0": 20, "1": 25, "2": 25}
    both["hinge"]["recipe"] = "another"
    assert modes.still_true("grid25", both) == {}


def test_the_tables_of_the_page_are_those_of_the_results_that_are_kept() -> None:
    page = report.PAGE.read_text()
    kept = {name: text for name, text in report.sections().items() if text is not None}
    assert kept
    assert filled(page, kept, report.PAGE) == page

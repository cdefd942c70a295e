"""First paint of the studio with 100 runs, and its live view of a run with a million lines.

    python bench/studio.py RUN [--runs 100] [--ticks 1000000]

RUN is any run folder; copies of it, under a temporary folder, are what is shown. Prints seconds:
`paint` is the browser's first contentful paint, `listed` when all runs are on the page, `curve`
when the first curve of the long run is drawn, `whole` when all its lines have been read, and
`answer` the slowest answer to a small question meanwhile. Needs Chromium and playwright.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from saddlepoint.core.json_files import dumps
from saddlepoint.core.runs import Run

SECONDS = 1200
"""For each answer: what is slow here is to be measured, not to fail."""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000"


def make_runs(run: Run, folder: Path, n_runs: int, n_ticks: int) -> None:
    """Copies of a run without its weights, and one whose history is made longer."""
    for number in range(n_runs):
        shutil.copytree(
            run.path, folder / f"run-{number:03d}", ignore=shutil.ignore_patterns("checkpoints")
        )
    rows = run.history.rows
    with open(Run(folder / "run-000").metrics_file, "w") as file:
        for tick in range(n_ticks):
            file.write(dumps({**rows[tick % len(rows)], "images": 64 * tick, "step": tick}) + "\n")


@contextmanager
def studio(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "saddlepoint", "studio", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.search(r"http://\S+:\d+", process.stderr.readline())
    try:
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=120)


def tab(browser: Browser) -> Page:
    page = browser.new_page()
    page.set_default_timeout(SECONDS * 1000)
    return page


def listing(browser: Browser, address: str, n_runs: int) -> dict[str, float]:
    page = tab(browser)
    started = time.monotonic()
    page.goto(f"{address}/runs")
    page.locator(".run").nth(n_runs - 1).wait_for()
    listed = time.monotonic() - started
    paint = page.evaluate(PAINT)
    page.close()
    return {"paint": paint, "listed": listed}


def live(browser: Browser, address: str) -> dict[str, float]:
    page = tab(browser)
    started = time.monotonic()
    page.goto(f"{address}/live/run-000")
    paint = page.evaluate(PAINT)
    page.locator(".js-line").first.wait_for()
    curve, slowest, complete = time.monotonic() - started, 0.0, False
    while not complete:
        before = time.monotonic()
        httpx.get(f"{address}/api/runs/run-001", timeout=SECONDS)
        slowest = max(slowest, time.monotonic() - before)
        answer = httpx.get(f"{address}/api/live/run-000/figures", timeout=SECONDS)
        complete = answer.json()["complete"]
    whole = time.monotonic() - started
    page.close()
    return {
        "paint": paint,
        "curve": curve,
        "whole": whole,
        "answer": slowest,
        "megabytes": len(answer.content) / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--ticks", type=int, default=1_000_000)
    given = parser.parse_args()
    chromium = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        make_runs(Run.open(given.run), Path(place), given.runs, given.ticks)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with studio(Path(place)) as address:
            print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            for name, figures in (
                (f"{given.runs} runs, first time", listing(browser, address, given.runs)),
                (f"{given.runs} runs, again", listing(browser, address, given.runs)),
                (f"{given.ticks:,} lines", live(browser, address)),
            ):
                print(name, " ".join(f"{key} {value:.2f}" for key, value in figures.items()))
        browser.close()


if __name__ == "__main__":
    main()

"""The studio: paint with 100 runs, a run of a million lines, its cost to a training, TensorBoard.

    python bench/studio.py RUN [--only runs,long,training,widget,tensorboard]

RUN is any run folder of images; copies of it, in a temporary folder, are what is shown. Each part
replaces its own figures in bench/results/studio.json, so that one can be measured alone:

runs         seconds until the browser paints, and until all 100 runs are on the page
long         the live view of a run of a million lines: until the first curve (an overview of the
             whole run), until it was read to the end, and the slowest answer to a small question
             meanwhile
training     images a second of a training alone, with a studio and a reader beside it that asks for
             all that an open live view asks for, and with that view open in Chromium; in turn
widget       what `notebook.watch` takes of the processor at each look
tensorboard  until the first curve, and bytes over the wire until the page is at rest, of the live
             view and of TensorBoard on the same run

Needs Chromium, playwright and tensorboard. Seven minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from _bench import git_commit, machine, parser_with, read_result, spread, write_result
from playwright.sync_api import Browser, Page, sync_playwright

from saddlepoint.core.json_files import dumps, parse
from saddlepoint.core.runs import Run

SECONDS = 300
"""For each answer: what is slow here is to be measured, not to fail."""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime / 1000"
SADDLE = (sys.executable, "-m", "saddlepoint")
CURVE = {"studio": ".js-line", "TensorBoard": "line-chart-grid-view line"}
"""TensorBoard draws curves on a canvas, which cannot be asked; it draws their axes just before."""
SILENT: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
Figures = dict[str, Any]


def copy_of(run: Run, place: Path) -> Run:
    """Without weights, which no view of the studio reads."""
    shutil.copytree(run.path, place, ignore=shutil.ignore_patterns("checkpoints"))
    return Run(place)


def lengthened(run: Run, n_ticks: int) -> None:
    """The run's own lines again and again, as one history."""
    ends = [dumps({**row, "images": 0, "step": 0}) for row in run.history.rows]
    rests = [text[1:].replace('"images": 0, ', "").replace('"step": 0, ', "") for text in ends]
    with open(run.metrics_file, "w") as file:
        for tick in range(n_ticks):
            file.write(f'{{"images": {64 * tick}, "step": {tick}, {rests[tick % len(rests)]}\n')


@contextmanager
def serving(command: list[str], pattern: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server and its address, which it prints to stderr."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = None
    for line in process.stderr:
        if found := re.search(pattern, line):
            break
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        assert found is not None, f"{command[0]} has not said where it listens"
        yield found[0].rstrip("/"), process
    finally:
        process.terminate()
        process.wait(timeout=120)


def studio(folder: Path) -> Any:
    return serving([*SADDLE, "studio", str(folder), "--port", "0"], r"http://\S+:\d+")


@contextmanager
def tab(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_default_timeout(SECONDS * 1000)
    yield page
    page.close()


# -- paint, and a long run -------------------------------------------------------------------


def listing(browser: Browser, run: Run, place: Path, given: argparse.Namespace) -> Figures:
    for number in range(given.runs):
        copy_of(run, place / f"run-{number:03d}")
    found: Figures = {"runs": given.runs}
    with studio(place) as (address, _):
        for visit in ("first", "again"):
            with tab(browser) as page:
                started = time.monotonic()
                page.goto(f"{address}/runs")
                page.locator(".run").nth(given.runs - 1).wait_for()
                listed = time.monotonic() - started
                found[visit] = {"paint": page.evaluate(PAINT), "listed": listed}
    return found


def long_run(browser: Browser, run: Run, place: Path, given: argparse.Namespace) -> Figures:
    lengthened(copy_of(run, place / "long"), given.ticks)
    copy_of(run, place / "short")
    with studio(place) as (address, process), tab(browser) as page:
        started = time.monotonic()
        page.goto(f"{address}/live/long")
        page.locator(CURVE["studio"]).first.wait_for()
        curve = time.monotonic() - started
        # The page goes on to read; these questions come meanwhile, as from another tab.
        slowest, complete, content = 0.0, False, b""
        while not complete:
            before = time.monotonic()
            httpx.get(f"{address}/api/runs/short", timeout=SECONDS).raise_for_status()
            slowest = max(slowest, time.monotonic() - before)
            content = httpx.get(f"{address}/api/live/long/figures?drawn", timeout=SECONDS).content
            complete = parse(content, "figures")["complete"]
        whole = time.monotonic() - started
        return {
            "ticks": given.ticks,
            "file_megabytes": Run(place / "long").metrics_file.stat().st_size / 1e6,
            "paint": page.evaluate(PAINT),
            "curve": curve,
            "whole": whole,
            "slowest_answer": slowest,
            "answer_megabytes": len(content) / 1e6,
            "server_megabytes": memory_of(process.pid),
        }


def memory_of(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024 / 1e6


# -- what it costs a training ----------------------------------------------------------------


class Reader:
    """Asks what an open live view asks, when it asks it, and draws nothing."""

    def __init__(self, address: str, id: str) -> None:
        self._address, self._id = address, id
        self.asked = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with (
            httpx.Client(base_url=self._address, timeout=SECONDS) as client,
            httpx.stream("GET", f"{self._address}/events?tab=bench-reader", timeout=None) as stream,
        ):
            paths = (f"/api/live/{self._id}", f"/api/live/{self._id}/figures")
            rest = dict.fromkeys(paths, 0.0)
            try:
                for line in stream.iter_lines():
                    if not line.startswith("data:") or f'"id": "{self._id}"' not in line:
                        continue
                    for path in paths:
                        before = time.monotonic()
                        if before < rest[path]:
                            continue
                        client.get(path).raise_for_status()
                        # As static/pace.js: a twentieth of the time at most.
                        spent = time.monotonic() - before
                        rest[path] = time.monotonic() + min(15, max(1, 20 * spent))
                        self.asked += 1
            except httpx.HTTPError:  # the studio has ended
                return


def train(out: Path, kimg: float, begun: Callable[[], None]) -> tuple[float, float]:
    """Images a second of a training, and the seconds that it took.

    Args:
        begun: called once the run is there.
    """
    command = [*SADDLE, "train", "dcgan", "--data", "fashion-mnist", "--kimg", str(kimg)]
    started = time.monotonic()
    process = subprocess.Popen([*command, "--out", str(out), "--quiet"], **SILENT)
    while not (out / "status.json").is_file():
        time.sleep(0.05)
    begun()
    if process.wait():
        raise SystemExit(f"{' '.join(command)} has failed.")
    # The first ones are slow in any case: kernels are chosen, the page is loaded.
    rows = Run(out).history.rows[2:]
    images = rows[-1]["images"] - rows[0]["images"]
    return images / (rows[-1]["seconds"] - rows[0]["seconds"]), time.monotonic() - started


def processor_seconds(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def chromium_processes() -> list[int]:
    """Those below this process."""
    parents, names = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        pid, _, name = head.partition(" (")
        parents[int(pid)], names[int(pid)] = int(rest.split()[1]), name
    found = []
    for pid, name in names.items():
        above = pid
        while name.startswith("chrom") and above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and name.startswith("chrom"):
            found.append(pid)
    return found


def beside(
    browser: Browser, place: Path, way: str, number: int, given: argparse.Namespace
) -> Figures:
    """One training, watched in one way."""
    id = f"{way}-{number}"
    if way == "alone":
        rate, seconds = train(place / id, given.kimg, lambda: None)
        return {"rate": rate, "seconds": seconds}
    with studio(place) as (address, process), tab(browser) as page:
        # As it stands while somebody is at it: whatever it loads, it has loaded.
        httpx.get(f"{address}/api/live/warm/figures", timeout=SECONDS).raise_for_status()
        pids = {"server": [process.pid], "browser": chromium_processes()}
        before = {name: processor_seconds(which) for name, which in pids.items()}
        readers: list[Reader] = []

        def begun() -> None:
            if way == "reader":
                readers.append(Reader(address, id))
            else:
                page.goto(f"{address}/live/{id}")

        rate, seconds = train(place / id, given.kimg, begun)
        pids["browser"] = chromium_processes()
        spent = {name: processor_seconds(which) - before[name] for name, which in pids.items()}
        asked = readers[0].asked if readers else 0
        return {
            "rate": rate,
            "seconds": seconds,
            "server_share": spent["server"] / seconds,
            "browser_share": spent["browser"] / seconds if way == "browser" else 0.0,
            "asked": asked,
        }


def training(browser: Browser, run: Run, place: Path, given: argparse.Namespace) -> Figures:
    copy_of(run, place / "warm")
    ways = ("alone", "reader", "browser")
    rounds: list[Figures] = []
    for number in range(given.rounds):
        # Another one begins each time, since the machine changes meanwhile.
        order = ways[number % 3 :] + ways[: number % 3]
        rounds.append({way: beside(browser, place, way, number, given) for way in order})
        print({way: round(found["rate"]) for way, found in rounds[-1].items()}, flush=True)
    found: Figures = {"rounds": len(rounds), "kimg": given.kimg, "ways": {}}
    for way in ways:
        rates = [one[way]["rate"] for one in rounds]
        lost = [100 * (1 - one[way]["rate"] / one["alone"]["rate"]) for one in rounds]
        row: Figures = {"images_per_second": spread(rates)}
        if way != "alone":
            row["percent_lost"] = spread(lost)
            shares = {who: [100 * one[way][f"{who}_share"] for one in rounds] for who in WHO}
            row["percent_of_a_core"] = {who: spread(values) for who, values in shares.items()}
        if way == "reader":
            row["asked"] = statistics.median(one[way]["asked"] for one in rounds)
        found["ways"][way] = row
    return found


WHO = ("server", "browser")


def widget(browser: Browser, run: Run, place: Path, given: argparse.Namespace) -> Figures:
    """Processor time of one look of `notebook.watch` at a run, which comes once a tick, but takes
    a twentieth of the time at most."""
    from saddlepoint import notebook

    shown = notebook.watch(copy_of(run, place / "watched").path)
    shown.close()  # it looks no more by itself
    spent = []
    for _ in range(10 * given.rounds):
        before = time.process_time()
        shown.refresh()
        spent.append(1e3 * (time.process_time() - before))
    return {"ticks": len(run.history), "milliseconds": spread(spent)}


# -- beside TensorBoard ----------------------------------------------------------------------


def tensorboard(browser: Browser, run: Run, place: Path, given: argparse.Namespace) -> Figures:
    copy_of(run, place / "runs" / "one")
    events = str(place / "events")
    command = [*SADDLE, "export", str(run.path), "--format", "tensorboard", "--out", events]
    subprocess.run(command, check=True, capture_output=True)
    board = [sys.executable, "-m", "tensorboard.main", "--logdir", events, "--port", "0"]
    found: Figures = {"ticks": len(run.history), "pages": {}}
    with (
        studio(place / "runs") as (ours, _),
        serving([*board, "--host", "127.0.0.1"], r"http://127\.0\.0\.1:\d+/?") as (theirs, _),
    ):
        time.sleep(10)  # TensorBoard reads its files once it is there
        for name, address in (("studio", f"{ours}/live/one"), ("TensorBoard", f"{theirs}/")):
            visits = [visited(browser, address, CURVE[name]) for _ in range(given.rounds)]
            found["pages"][name] = {
                key: spread([visit[key] for visit in visits]) for key in visits[0]
            }
    return found


def visited(browser: Browser, address: str, curve: str) -> Figures:
    """A page with nothing in the browser's cache."""
    with tab(browser) as page:
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        sizes: list[float] = []
        network.on("Network.loadingFinished", lambda e: sizes.append(e["encodedDataLength"]))
        started = time.monotonic()
        page.goto(address)
        page.locator(curve).first.wait_for(state="attached")
        seconds = time.monotonic() - started
        page.wait_for_timeout(2500)
        return {
            "paint": page.evaluate(PAINT),
            "curve": seconds,
            "megabytes": sum(sizes) / 1e6,
            "requests": len(sizes),
        }


PARTS = {
    "runs": listing,
    "long": long_run,
    "training": training,
    "widget": widget,
    "tensorboard": tensorboard,
}


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--ticks", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kimg", type=float, default=12)
    given = parser.parse_args()
    run = Run.open(given.run)
    for name in given.only.split(","):
        with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
            chromium = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            facts, started = machine(), time.monotonic()
            figures = PARTS[name](browser, run, Path(place), given)
            browser.close()
        seconds = time.monotonic() - started
        print(f"{name} ({seconds:.0f} s): {dumps(figures)}", flush=True)
        # What was measured before stays, whatever comes after.
        document = read_result("studio") or {}
        about = {"commit": git_commit(), "machine": facts, "seconds": seconds}
        write_result("studio", {**document, name: {**about, **figures}})


if __name__ == "__main__":
    main()

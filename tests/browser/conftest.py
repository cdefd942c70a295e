"""A real browser on a real studio: Debian's Chromium, driven by Playwright. Nothing but 127.0.0.1
may be asked for anything, and nothing may be written to the browser's console."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import saddlepoint as sp
from saddlepoint.core.findings import Evidence, Finding
from saddlepoint.core.runs import Run

# What the doctor would write about a run that leaves modes out.
ILL = Finding(
    name="partial-mode-collapse",
    severity="fatal",
    at_images=1536,
    since_step=8,
    message="Some kinds of points are never made.",
    evidence=(Evidence(name="diversity", value=0.2, healthy=(0.5, 1.5), note="spread"),),
    remedies=("sound-optimizers", "packing"),
)
CHROMIUM = shutil.which("chromium")
NOBODY_ELSE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
PATIENCE = 600_000
"""Milliseconds until a wait is given up: with a twentieth of a core, PyTorch's first import takes
one minute and a game of five hundred moves six."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(
                    pytest.mark.skip(reason="no chromium here: apt-get install chromium")
                )


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of images and one of points."""
    folder = tmp_path_factory.mktemp("studio") / "runs"
    small = {"train.tick_kimg": 0.2, "train.sample_kimg": 0.5, "train.batch_size": 16}
    nets = {"arch.generator_width": 8, "arch.discriminator_width": 8}
    for name, preset, data, changes in [
        ("dcgan-digits-001", "dcgan", "digits", small | nets),
        ("points", "gan-points", "ring8", {"train.tick_kimg": 0.5}),
    ]:
        sp.train(preset, data, out=folder / name, kimg=2, changes=changes, quiet=True)
    ill = Run(folder / "points")
    ill.append_finding({"event": "found", **ILL.to_json()})
    ill.write_status("finished", ill.status["n_images"], findings=[ILL.name])
    return folder


@pytest.fixture(scope="session")
def address(runs: Path) -> Iterator[str]:
    """Where a studio over `runs` answers."""
    command = [sys.executable, "-m", "saddlepoint", "studio", str(runs), "--port", "0"]
    studio = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert studio.stderr is not None
    line = studio.stderr.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, line + studio.stderr.read()
    yield found[0]
    studio.terminate()
    studio.communicate(timeout=PATIENCE / 1000)
    # Runs outlive their studio: one that a failed test has left behind would take a core for hours.
    for file in runs.glob("*/status.json"):
        if (run := Run(file.parent)).status.get("state") == "running":
            run.ask("stop")


@pytest.fixture(scope="session")
def new_context() -> Iterator[Callable[..., Any]]:
    """`new_context(locale="vi")`: a browser's memory of its own, whose pages are waited for."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", NOBODY_ELSE], timeout=PATIENCE
        )

        def make(**options: Any) -> Any:
            context = chromium.new_context(**options)
            context.set_default_timeout(PATIENCE)
            return context

        yield make
        chromium.close()


@pytest.fixture
def page(new_context, address: str):
    """A tab; `page.goto("/runs")`. The test fails if anybody else is asked, or if the console has
    an error, such as a breach of the content security policy. With `page.refused = True` the server
    may refuse what it is asked for, which a browser calls an error too."""
    context = new_context(base_url=address, viewport={"width": 1280, "height": 800})
    elsewhere, said = [], []

    # Not routed: that switches off the cache and adds tens of milliseconds to each request.
    def watch(request) -> None:
        if not request.url.startswith((f"{address}/", "data:", "blob:")):
            elsewhere.append(request.url)

    context.on("request", watch)
    tab = context.new_page()
    tab.on("console", lambda message: message.type == "error" and said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    yield tab
    context.close()
    if getattr(tab, "refused", False):
        said = [text for text in said if "responded with a status of 400" not in text]
    assert not elsewhere, f"another host was asked: {elsewhere}"
    assert not said, f"the console says: {said}"

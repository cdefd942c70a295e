"""What all benchmarks share: the machine, medians, and one JSON file per benchmark."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from saddlepoint.core.json_files import write_json
from saddlepoint.training.device import has_fast_bf16

HERE = Path(__file__).parent
DATA = HERE / "data"
RESULTS = HERE / "results"


def parser_with(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help is a script's docstring as it stands."""
    shape = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=description, formatter_class=shape)


def machine() -> dict[str, Any]:
    """The machine that a figure was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if os.name == "posix" else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = torch.cpu
    instructions = cpu._is_avx512_bf16_supported() or cpu._is_amx_tile_supported()
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "bf16": has_fast_bf16("cpu"),
        "bf16_instructions": bool(instructions),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def git_commit() -> str:
    """The commit of this checkout, `dirty` with changes of anything but results; "" where there is
    none.

    A copy without its history, as on a borrowed machine, is told it in SADDLE_COMMIT.
    """
    found = _git("describe", "--always", "--abbrev=10")
    others = (":(exclude,top)bench/results", ":(exclude,top)docs/benchmarks.md")
    changed = _git("status", "--porcelain", "--untracked-files=no", ":(top)", *others)
    return found + "-dirty" * bool(changed) if found else os.environ.get("SADDLE_COMMIT", "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(HERE), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def machine_text(facts: dict[str, Any]) -> str:
    """The machine in one line."""
    bf16 = "with bf16 instructions" if facts["bf16"] else "without bf16 instructions"
    if not facts["bf16"] and facts.get("bf16_instructions"):
        bf16 = "whose bf16 is no faster than float32"
    threads = "1 thread" if facts["threads"] == 1 else f"{facts['threads']} threads"
    return (
        f"{facts['cpu']}, {facts['cores']} cores {bf16}, torch {facts['torch']} with "
        f"{threads}, Python {facts['python']}; load {facts['load_1min']} at the "
        "start"
    )


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, minimum and maximum."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def three(figures: dict[str, float], form: str) -> str:
    """`3.9 (3.7 to 4.1)` from median, minimum and maximum."""
    median, least, greatest = (format(figures[name], form) for name in ("median", "min", "max"))
    return f"{median} ({least} to {greatest})"


def spread_text(values: Sequence[float], form: str = ".3f") -> str:
    """`0.760 (0.751 to 0.772)`; a single value says that it is one."""
    median = format(statistics.median(values), form)
    if len(values) == 1:
        return f"{median} (one run)"
    return f"{median} ({format(min(values), form)} to {format(max(values), form)})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def met(reached: bool) -> str:
    return "yes" if reached else "no"


def filled(page: str, texts: Mapping[str, str | None], where: Path) -> str:
    """The page with the text of each name between its markers; None leaves a section as it is."""
    for name, text in texts.items():
        begin, end = f"<!-- begin:{name} -->", f"<!-- end:{name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise SystemExit(f"{where} must have the markers {begin} and {end} once.")
        if text is not None:
            whole = f"{begin}\n{text}\n{end}"
            page = pattern.sub(lambda _, whole=whole: whole, page)
    return page


def fill(path: Path, texts: Mapping[str, str | None], check: bool) -> int:
    """Fill a page; with `check` only compare: 1 where the page is out of date."""
    old = path.read_text()
    new = filled(old, texts, path)
    if not check:
        path.write_text(new)
    return int(check and old != new)


def read_result(name: str) -> dict[str, Any] | None:
    """bench/results/<name>.json, or None if it was not measured here."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def write_result(name: str, document: dict[str, Any]) -> None:
    """Overwrite bench/results/<name>.json atomically."""
    RESULTS.mkdir(exist_ok=True)
    write_json(RESULTS / f"{name}.json", document)

"""One preset with some fields changed, at an exact budget of images, judged as in bench/quality.py.

    python bench/recipe.py dcgan-r1 --kimg 250 --set arch.latent_dim=16 optim_g.lr=2e-3

For the tables of docs/log.md: which change of a recipe is worth its place. A budget in images, so
that what else the machine does has no part in it; set OMP_NUM_THREADS=1 and run as many at a time
as there are cores. Each run goes to bench/results/runs/recipe-..., its figures are added to
bench/results/recipes.json, and all rows with the same preset and budget are printed as a table.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import Any

from _bench import RESULTS, parser_with, read_result, write_result
from quality import DATA, FIGURES, judge

from saddlepoint import api
from saddlepoint.presets import PRESETS


def parse_change(text: str) -> tuple[str, Any]:
    """`arch.latent_dim=16` -> its path and its value; what is no JSON is a text."""
    path, _, value = text.partition("=")
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value


def measure(preset: str, seed: int, kimg: float, changes: dict[str, Any]) -> dict[str, Any]:
    """One run, trained and judged."""
    row = {"preset": preset, "seed": seed, "kimg": kimg, "changes": changes}
    name = hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:10]
    out = RESULTS / "runs" / f"recipe-{preset}-{name}"
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    run = api.train(preset, DATA, out=out, seed=seed, kimg=kimg, changes=changes, quiet=True)
    last = run.history.rows[-1]
    rate = round(last["images"] / last["seconds"], 1)
    return {**row, "images_per_second": rate, "commit": run.document["git_commit"], **judge(out)}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, the figures of one judge."""
    names = [name for name in FIGURES if name in rows[0]]
    head = ["changes", "seed", *names]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        changes = ", ".join(f"`{path}={value}`" for path, value in row["changes"].items())
        lines.append([changes or "none", str(row["seed"]), *(f"{row[n]:.3f}" for n in names)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("preset", choices=PRESETS)
    parser.add_argument("--kimg", type=float, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE")
    asked = parser.parse_args()
    changes = dict(parse_change(text) for text in asked.set)
    row = measure(asked.preset, asked.seed, asked.kimg, changes)
    document = read_result("recipes") or {"rows": []}  # read late: others may run at the same time
    document["rows"].append(row)
    write_result("recipes", document)
    alike = ("preset", "kimg", "judge_sha256")
    print(table([r for r in document["rows"] if all(r[n] == row[n] for n in alike)]))


if __name__ == "__main__":
    main()

"""Every preset trained on one data set, all grids on one sheet, to be looked at.

    python bench/families.py --minutes 5                          # all ten, Fashion-MNIST
    python bench/families.py FOLDER --size 64 --minutes 10        # the unconditional ones, faces

Claim: every preset trains on Fashion-MNIST, the unconditional ones on a folder of faces at 64 px
too. A folder of images is prepared once into bench/data. Each preset trains into
bench/results/families/<data>/<preset>; a run that finished with the same budget is not done again
unless --fresh is given. The sheet is bench/results/families-<data>.png: two rows of samples for
each preset, with its name, and real images below them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from _bench import DATA, RESULTS, machine, machine_text, parser_with, write_result
from PIL import Image, ImageDraw

from saddlepoint import api
from saddlepoint.core import images
from saddlepoint.core.errors import InputError, RunFailed
from saddlepoint.data.resolve import resolve
from saddlepoint.presets import PRESETS

COLUMNS, ROWS = 10, 2
CAPTION = 130


def ready_data(data: str, size: int) -> str:
    """A data set's name as it is; a folder of images, prepared once."""
    if not Path(data).is_dir() or (Path(data) / "manifest.json").is_file():
        return data
    out = DATA / f"{Path(data).resolve().name}-{size}"
    if not (out / "manifest.json").is_file():
        DATA.mkdir(exist_ok=True)
        api.prepare(data, out, size=size)
    return str(out)


def is_done(run: api.Run, budget: dict[str, float]) -> bool:
    """True when the run has finished with this very budget."""
    if run.status.get("state") != "finished":
        return False
    recorded = run.document["budgets"][-1]
    return all(recorded[name] == value for name, value in budget.items())


def train(preset: str, data: str, budget: dict[str, float], out: Path, fresh: bool) -> api.Run:
    """A finished run of the preset, trained now unless it is there already."""
    if out.exists() and (fresh or not is_done(api.Run(out), budget)):
        shutil.rmtree(out)
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        api.train(preset, data, out=out, quiet=True, **budget)  # type: ignore[arg-type]
    return api.Run(out)


def strip(caption: str, made: np.ndarray) -> np.ndarray:
    """uint8 [n, h, w, c] -> uint8 [H, W, 3], the caption at the left of the images."""
    sheet = images.enlarge(images.grid(made, COLUMNS), 2 * 68)
    label = Image.new("RGB", (CAPTION, sheet.shape[0]), "white")
    ImageDraw.Draw(label).text((6, sheet.shape[0] // 2 - 6), caption, fill="black")
    return np.concatenate([np.asarray(label), np.broadcast_to(sheet, (*sheet.shape[:2], 3))], 1)


def facts_of(run: api.Run) -> dict[str, Any]:
    rows = run.history.rows
    return {
        "kimg": rows[-1]["images"] / 1000,
        "images_per_second": round(rows[-1]["images"] / rows[-1]["seconds"], 1),
        "sliced_wasserstein": rows[-1].get("sliced_wasserstein"),
        "seconds": rows[-1]["seconds"],
    }


def measure(
    presets: list[str], data: str, budget: dict[str, float], folder: Path, fresh: bool
) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
    """All presets in turn; one that fails is a row of the table and does not stop the others."""
    table, strips = [], []
    for preset in presets:
        try:
            run = train(preset, data, budget, folder / preset, fresh)
            made = run.sample(range(COLUMNS * ROWS))
        except (InputError, RunFailed) as error:
            table.append({"preset": preset, "error": str(error)})
            print(f"{preset}: {error}", flush=True)
            continue
        row = {"preset": preset, **facts_of(run)}
        table.append(row)
        strips.append(strip(preset, made))
        print(
            f"{preset}: {row['kimg']:,.0f} kimg in {row['seconds']:.0f} s, "
            f"{row['images_per_second']:,.0f} images/s",
            flush=True,
        )
    return table, strips


def main() -> int:
    parser = parser_with(__doc__)
    parser.add_argument("data", nargs="?", default="fashion-mnist", help="a name or a folder")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, help="by default all that can be")
    parser.add_argument("--size", type=int, default=64, help="of a folder's images")
    parser.add_argument("--minutes", type=float, default=5, help="for each preset")
    parser.add_argument("--kimg", type=float, help="in place of minutes")
    parser.add_argument("--fresh", action="store_true", help="redo finished runs")
    arguments = parser.parse_args()
    facts = machine()
    print(machine_text(facts), flush=True)
    data = ready_data(arguments.data, arguments.size)
    dataset = resolve(data).open()
    labelled = dataset.spec.n_classes > 1
    presets = arguments.presets or [
        name
        for name in PRESETS
        if labelled or api.configure(name, data).arch.conditioning == "none"
    ]
    budget = {"kimg": arguments.kimg} if arguments.kimg else {"minutes": arguments.minutes}
    folder = RESULTS / "families" / dataset.name
    table, strips = measure(presets, data, budget, folder, arguments.fresh)
    strips.append(strip("real", np.array(dataset.images[: COLUMNS * ROWS])))
    sheet = RESULTS / f"families-{dataset.name}.png"
    images.write_png(sheet, np.concatenate(strips))
    document = {"machine": facts, "data": dataset.name, "budget": budget, "presets": table}
    kind = "labelled" if labelled else "unlabelled"
    write_result(f"families-{kind}", {**document, "shape": list(dataset.spec.shape)})
    print(sheet)
    return 1 if any("error" in row for row in table) else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Do conditional presets gain from what helped the others: residuals, self-modulation, R1?

    python bench/conditional.py --kimg 150 --seeds 0 1 2

Every conditional preset with each change, at one exact budget of images, judged as in
bench/quality.py: label accuracy (aim 0.95) and recall (aim 0.55). A run is one of bench/recipe.py;
what bench/results/recipes.json has already, of the same judge, is not done again. Five minutes
a run on 2 idle cores; OMP_NUM_THREADS=1 and one process a core is faster for all of them.
"""

from __future__ import annotations

from typing import Any

import _judge
from _bench import machine, machine_text, parser_with, read_result, spread_text, write_result
from _bench import table as markdown
from recipe import measure

PRESETS = ("cgan-onehot", "cgan-embedding", "cgan-every-layer", "cwgan-gp")
RESIDUALS: dict[str, Any] = {"arch.discriminator_residuals": 2, "arch.discriminator_width": 32}
MODULATED: dict[str, Any] = {"arch.self_modulation": True}
R1: dict[str, Any] = {
    "arch.discriminator_norm": "none",
    "arch.init": "he",
    "loss": {"kind": "relativistic"},
    "penalties": [{"kind": "r1", "gamma": 0.5, "every": 8}],
    "train.n_critic": 1,
    "train.batch_size": 32,
    **{
        f"optim_{player}.{name}": value
        for player in "gd"
        for name, value in {"lr": 1.5e-3, "beta1": 0.0, "beta2": 0.99, "decay_start": 0.0}.items()
    },
}
CHANGES = {
    "as it is": {},
    "residuals in D": RESIDUALS,
    "self-modulation": MODULATED,
    "both": RESIDUALS | MODULATED,
    "both, with the loss and R1 of dcgan-r1": RESIDUALS | MODULATED | R1,
}
SHOWN = ("label_accuracy", "recall", "precision", "coverage", "images_per_second")


def rows_of(preset: str, kimg: float, changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of all seeds so far."""
    asked = {"preset": preset, "kimg": kimg, "changes": changes}
    asked["judge_sha256"] = _judge.judge_hash()
    kept = (read_result("recipes") or {"rows": []})["rows"]
    return [row for row in kept if all(row[name] == value for name, value in asked.items())]


def add(row: dict[str, Any]) -> None:
    document = read_result("recipes") or {"rows": []}  # read late: others may run at the same time
    document["rows"].append(row)
    write_result("recipes", document)


def table(kimg: float) -> str:
    """Median over seeds, with the lowest and highest."""
    lines = []
    for preset in PRESETS:
        for name, changes in CHANGES.items():
            rows = rows_of(preset, kimg, changes)
            forms = [",.0f" if shown == "images_per_second" else ".3f" for shown in SHOWN]
            cells = [
                spread_text([row[shown] for row in rows], form)
                for shown, form in zip(SHOWN, forms, strict=True)
                if rows
            ]
            lines += [[f"`{preset}`", name, str(len(rows)), *cells]] if rows else []
    return markdown(["preset", "change", "seeds", *SHOWN], lines)


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--kimg", type=float, default=150)
    asked = parser.parse_args()
    print(machine_text(machine()), flush=True)
    # Seed by seed, so that every change has a first figure early.
    for seed in asked.seeds:
        for preset in asked.presets:
            for name, changes in CHANGES.items():
                done = {row["seed"] for row in rows_of(preset, asked.kimg, changes)}
                if seed not in done:
                    print(f"{preset}, {name}, seed {seed}", flush=True)
                    add(measure(preset, seed, asked.kimg, changes))
    print(table(asked.kimg))


if __name__ == "__main__":
    main()

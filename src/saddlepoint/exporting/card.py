"""The model card: README.md as model hubs expect it, written from what the run folder holds."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import numpy as np

from saddlepoint import __version__
from saddlepoint.core.checkpoints import EXPORTED
from saddlepoint.core.images import enlarge, grid, scatter
from saddlepoint.core.json_files import dumps
from saddlepoint.core.runs import Run
from saddlepoint.evaluation.scores import as_rows, read_scores
from saddlepoint.exporting.contract import Leaving
from saddlepoint.reporting.facts import Facts, as_typed, flat
from saddlepoint.reporting.scores import protocol_sentence
from saddlepoint.sampling.sampler import Sampler

SAMPLES = "samples.png"
N_SHOWN, N_POINTS = 64, 2000


def sample_sheet(sampler: Sampler) -> np.ndarray:
    """uint8 [H, W, c]: seeds 0 to 63, as `saddle sample` shows them; of a model of points 2,000."""
    if sampler.spec.is_image:
        return enlarge(grid(sampler.images(range(N_SHOWN))))
    points = np.concatenate(list(sampler.portions(range(N_POINTS))))
    return scatter(points, extent=1.1 * max(1e-6, float(np.abs(points).max())))


def card(leaving: Leaving) -> str:
    """Markdown under a head of YAML."""
    content = leaving.content
    facts = None if leaving.run is None else Facts.of(leaving.run)
    title = f"{content.arch.kind} on {content.data}" if facts is None else facts.title()
    scores = [] if leaving.run is None else _scores_of(leaving.run, content.n_images)
    parts = [
        _head(leaving, title, scores),
        f"# {_plain(title)}",
        f"![Samples of seeds 0 to {N_SHOWN - 1}]({SAMPLES})",
        _what(leaving),
        _use(leaving),
        _data(content.classes, content.data, facts),
        _scores(scores),
        *([] if facts is None else [_weaknesses(facts), _recipe(facts)]),
        f"## Licence\n\n{_licence(leaving.licence)}",
    ]
    return "\n\n".join(parts) + "\n"


def _what(leaving: Leaving) -> str:
    spec, way = leaving.content.spec, leaving.content.arch.conditioning
    label = f" and a label ({way})" if leaving.sampler.conditional else ""
    shape = " x ".join(map(str, spec.shape))
    made = f"an image of {shape} in [-1, 1]" if spec.is_image else "a point"
    return (
        f"The generator of a GAN. It turns a latent of {leaving.sampler.generator.latent_dim} "
        f"numbers from N(0, 1){label} into {made}. These are the averaged weights (EMA) after "
        f"{leaving.content.n_images:,} real images, written by Saddlepoint {__version__}. A "
        "safetensors file cannot run code."
    )


def _head(leaving: Leaving, title: str, scores: list[dict[str, Any]]) -> str:
    """YAML, of which every JSON value is one."""
    facts: dict[str, Any] = {
        "license": leaving.licence,
        "library_name": "saddlepoint",
        "tags": ["gan", leaving.content.arch.kind],
    }
    if leaving.content.spec.is_image:
        facts["pipeline_tag"] = "unconditional-image-generation"
    results = [
        {
            "task": {"type": "unconditional-image-generation"},
            "dataset": {"type": score["real"]["name"], "name": score["real"]["name"]},
            "metrics": [
                {"type": name, "value": number["value"], "name": name}
                for name, number in score["values"].items()
            ],
        }
        for score in scores
    ]
    if results:
        facts["model-index"] = [{"name": title, "results": results}]
    return "\n".join(["---", *(f"{name}: {dumps(value)}" for name, value in facts.items()), "---"])


def _use(leaving: Leaving) -> str:
    labels = " --labels 0" if leaving.sampler.conditional else ""
    return f"""## Use

```sh
pip install saddlepoint
saddle sample {EXPORTED} --seeds 0-63{labels} --out grid.png
saddle sample hf://OWNER/NAME --out grid.png     # from a hub: pip install 'saddlepoint[hub]'
saddle export {EXPORTED} --format onnx --out net.onnx     # for programs without PyTorch
```

In Python: `saddlepoint.sample("{EXPORTED}", "grid.png")`."""


def _data(classes: tuple[str, ...], name: str, facts: Facts | None) -> str:
    data = {} if facts is None else facts.data
    n = f", {data['n']:,} items" if "n" in data else ""
    print_of = f", sha256 of its content `{data['fingerprint']}`" if "fingerprint" in data else ""
    named = f"\n\nClasses: {_plain(', '.join(classes))}." if classes else ""
    return f"## Data\n\n{_plain(name)}{n}{print_of}.{named}"


def _scores_of(run: Run, n_images: int) -> list[dict[str, Any]]:
    """The evaluations of these very weights."""
    found = [score for file in run.scores for score in read_scores(file)]
    return [score for score in found if score["fake"].get("trained_images") == n_images]


def _scores(scores: list[dict[str, Any]]) -> str:
    parts = ["## Scores"]
    for score in scores:
        rows = ["| measure | value | 95 % interval | note |", "|---|---|---|---|"]
        rows += [f"| {' | '.join(map(_plain, row))} |" for row in as_rows(score)]
        parts += ["\n".join(rows), _plain(protocol_sentence(score))]
    if not scores:
        parts.append("These weights were not measured; `saddle evaluate` does that.")
    return "\n\n".join(parts)


def _weaknesses(facts: Facts) -> str:
    names = facts.status.get("findings") or []
    found = "Saddlepoint's doctor had no open finding when training ended."
    if names:
        found = f"Open when training ended: {_plain(', '.join(names))}."
    return f"## Known weaknesses\n\n{found} What the data lacks, the model lacks as well."


def _recipe(facts: Facts) -> str:
    values = flat(_without_places(facts.config))
    versions = facts.document.get("versions", {})
    made = ", ".join(f"{name} {as_typed(version)}" for name, version in versions.items())
    lines = [f"{path} = {value}" for path, value in values.items()]
    parts = ["## Recipe", f"Trained with {_plain(made)}.", "\n".join(["```", *lines, "```"])]
    return "\n\n".join(parts)


def _without_places(value: Any) -> Any:
    """A configuration without the folders of this machine, which are nobody's business."""
    if isinstance(value, dict):
        return {name: _without_places(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_places(item) for item in value]
    is_place = isinstance(value, str) and value.startswith(("/", "~"))
    return PurePath(value).name if is_place else value


def _licence(name: str) -> str:
    if name == "unknown":
        return (
            "Its owner has not chosen one yet. The licence of the data may say what is allowed; "
            "`saddle export --licence NAME` writes it here."
        )
    return f"{_plain(name)}, chosen by its owner."


def _plain(text: str) -> str:
    """Text from files and users, as text: no Markdown, no HTML, no line that ends early."""
    shown = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in shown)

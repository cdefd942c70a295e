"""How near `saddle project` comes to pictures, for other weights of its loss than its own.

    python bench/projection.py RUN [--pictures 24] [--features 0,0.05,0.2] [--steps 200]

RUN was trained on a labelled set with a test split, such as fashion-mnist. Tried on images of the
run itself, whose latents are known, and on test images, which it never saw. The judge is another
classifier than the one whose features are compared. For docs/log.md.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from torch import nn

from saddlepoint.core.images import to_unit
from saddlepoint.core.provenance import read_config
from saddlepoint.core.runs import Run
from saddlepoint.evaluation.extractors.classifier import Classifier
from saddlepoint.evaluation.opened import held_out
from saddlepoint.sampling import projection
from saddlepoint.sampling.projection import Projection
from saddlepoint.sampling.sampler import load_sampler

FIRST_SEED, FIRST_TEST_IMAGE = 5000, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run")
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--features", default="0,0.05,0.2")
    parser.add_argument("--prior", type=float, default=projection.PRIOR)
    parser.add_argument("--steps", type=int, default=200)
    chosen = parser.parse_args()
    sampler, source = load_sampler(chosen.run), read_config(Run.open(chosen.run)).source
    data, unseen = source.open(), held_out(source).open()
    compared = Classifier().load(data, "cpu").net
    judge = Classifier(seed=1, epochs=2).load(data, "cpu").net
    seeds = range(FIRST_SEED, FIRST_SEED + chosen.pictures)
    places = slice(FIRST_TEST_IMAGE, FIRST_TEST_IMAGE + chosen.pictures)
    tried = {"its own": sampler.images(seeds), "unseen": np.array(unseen.images[places])}
    labels = {"its own": sampler.labels_for(seeds, None), "unseen": unseen.labels[places]}  # type: ignore[index]  # labelled
    projection.PRIOR = chosen.prior
    for weight in map(float, chosen.features.split(",")):
        projection.FEATURES = weight
        features = (lambda images: compared(images)[0]) if weight else None
        for kind, pictures in tried.items():
            began, rows = time.process_time(), []
            for index, picture in enumerate(pictures):
                found = projection.project(sampler, picture, features, None, chosen.steps)
                rows.append(marks(found, picture, judge))
                if found.label is not None:
                    rows[-1]["label right"] = float(found.label == labels[kind][index])
                if kind == "its own":
                    z = sampler.z_of([seeds[index]])[0]
                    rows[-1]["z apart"] = float((found.z - z).norm() / z.norm())
            means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
            means["CPU seconds"] = (time.process_time() - began) / len(pictures)
            told = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())
            print(f"features {weight:g}, prior {chosen.prior:g}, {kind}: {told}", flush=True)


def marks(found: Projection, picture: np.ndarray, judge: nn.Module) -> dict[str, float]:
    """How near one projection came, in pixels and by the judge."""
    with torch.no_grad():
        given, made = judge(torch.from_numpy(to_unit(np.stack([picture, found.image]))))[0]
    ends = found.curves[:, -1]
    return {
        "RMS": found.error,
        "with 1 start": float(ends[0]),
        "with 4 starts": float(ends[:4].min()),
        "judge": float((given - made).norm() / given.norm()),
        "|z| / sqrt(d)": float(found.z.norm()) / len(found.z) ** 0.5,
    }


if __name__ == "__main__":
    main()

"""Is our DINOv2 network that of transformers? Makes tests/golden/dinov2.json of the latter.

    pip install --target /tmp/peer transformers==5.0.0
    PYTHONPATH=/tmp/peer python bench/dinov2_parity.py [--write]

Both networks get the same seeded weights, which are nobody's trained ones: the comparison is of
layers, table of positions and names of tensors. The largest size is built with 2 of its 40 layers.
Prints for every size the greatest difference over the greatest value; exits with 1 when one is
above 1e-5.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _bench import parser_with
from _parity import TOLERANCE, distance, figures, hash_of, hash_of_shapes, seeded_images, uniform
from torch import Tensor, nn

from saddlepoint.evaluation.extractors._dinov2_net import DinoNet, Shape
from saddlepoint.evaluation.extractors._networks import with_weights
from saddlepoint.evaluation.extractors.dinov2 import IMAGE_SIZE, SHAPES, normalised

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "dinov2.json"
KEPT = {"small": SHAPES["small"], "narrow, SwiGLU": Shape(96, 2, 4, swiglu=True)}
"""Of these the values are written down."""
BESIDES = {
    "base": SHAPES["base"],
    "large": SHAPES["large"],
    "giant, 2 layers": SHAPES["giant"]._replace(depth=2),
}
IMAGES = ((28, 28, 1), (64, 48, 3))
"""Height, width and channels."""


def seeded_weights(shape: Shape) -> dict[str, Tensor]:
    """A state dict under which no layer dies out and attention is not uniform."""
    with torch.device("meta"):
        shapes = {name: tuple(t.shape) for name, t in DinoNet(shape).state_dict().items()}
    bits = np.random.PCG64(0)
    tensors = {}
    for name, size in sorted(shapes.items()):
        if name.startswith("embeddings.") and "patch" not in name:
            tensors[name] = uniform(bits, size, -1, 1)
        elif len(size) > 1:
            bound = math.sqrt(3 / math.prod(size[1:]))
            tensors[name] = uniform(bits, size, -bound, bound)
        elif "norm" in name and name.endswith("weight"):
            tensors[name] = uniform(bits, size, 0.5, 1.5)
        else:
            tensors[name] = uniform(bits, size, -0.5, 0.5)
    return tensors


def build(shape: Shape, tensors: dict[str, Tensor]) -> nn.Module:
    """transformers' network with the given weights, by their published names."""
    try:
        transformers: Any = importlib.import_module("transformers")
    except ImportError:
        sys.exit("transformers is absent: install it as the head of this file says.")
    config = transformers.Dinov2Config(
        image_size=518,
        patch_size=14,
        hidden_size=shape.width,
        num_hidden_layers=shape.depth,
        num_attention_heads=shape.heads,
        use_swiglu_ffn=shape.swiglu,
    )
    net = transformers.Dinov2Model(config)
    net.load_state_dict(tensors)
    return net.eval()


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {GOLDEN}")
    asked = parser.parse_args()
    kept, worst = [], 0.0
    print(f"{'size':18} {'image':8} difference; to float64: ours, theirs")
    for name, shape in (KEPT | BESIDES).items():
        tensors = seeded_weights(shape)
        ours, theirs = with_weights(partial(DinoNet, shape), tensors), build(shape, tensors)
        rows = []
        for size in IMAGES:
            pixels = normalised(seeded_images(*size))
            with torch.no_grad():
                mine, wanted = ours(pixels), theirs(pixels).pooler_output
                exact = theirs.double()(pixels.double()).pooler_output
            theirs.float()
            gap = distance(mine, wanted)
            worst = max(worst, gap)
            image = "x".join(map(str, size))
            more = f"{distance(mine, exact):.2e} {distance(wanted, exact):.2e}"
            print(f"{name:18} {image:8} {gap:.2e}    {more}")
            rows.append({"image": size, "class_token": figures(wanted)})
        if name in KEPT:
            found = {"name": name, "shape": shape, "cases": rows}
            found["weights_sha256"] = hash_of(tensors[key] for key in sorted(tensors))
            found["shapes_sha256"] = hash_of_shapes(dict(theirs.state_dict()))
            kept.append(found)
    if asked.write:
        origin = (
            f"transformers {version('transformers')}, Dinov2Model, PyTorch {torch.__version__} on "
            f"a CPU, images of {IMAGE_SIZE} pixels, by bench/dinov2_parity.py"
        )
        GOLDEN.write_text(json.dumps({"origin": origin, "sizes": kept}, indent=1) + "\n")
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()

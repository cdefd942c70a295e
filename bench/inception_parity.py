"""Is our Inception network that of torch-fidelity? Makes tests/golden/inception.json of the latter.

    pip install --no-deps --target /tmp/peer torch-fidelity==0.4.0
    PYTHONPATH=/tmp/peer python bench/inception_parity.py [--write]

torch-fidelity asks for torchvision, which saddlepoint is kept free of; its network needs neither
torchvision nor the rest of the package, so `--no-deps` is enough and only that module is imported.
Both networks get the same seeded weights, which are nobody's trained ones: the comparison is of
layers, pools, resize and scaling. Prints for every size the greatest difference over the greatest
value; exits with 1 when one is above 1e-5.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import sys
import tempfile
import types
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _bench import parser_with
from _parity import (
    N_IMAGES,
    TOLERANCE,
    distance,
    figures,
    hash_of,
    hash_of_shapes,
    seeded_images,
    uniform,
)
from torch import Tensor, nn

from saddlepoint.evaluation.extractors._inception_net import InceptionNet
from saddlepoint.evaluation.extractors._networks import with_weights
from saddlepoint.evaluation.extractors._resize import tf1_bilinear
from saddlepoint.evaluation.extractors.inception import LoadedInception

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "inception.json"
CASES = [(size, size, channels) for size in (28, 64, 299, 331) for channels in (1, 3)]
CASES.append((48, 80, 3))
"""Height, width and channels of the images."""


def seeded_weights() -> dict[str, Tensor]:
    """A state dict under which no layer dies out or explodes."""
    with torch.device("meta"):
        shapes = {name: tuple(t.shape) for name, t in InceptionNet().state_dict().items()}
    bits = np.random.PCG64(0)
    tensors = {}
    for name, shape in sorted(shapes.items()):
        if len(shape) > 1:
            bound = math.sqrt(6 / math.prod(shape[1:]))
            tensors[name] = uniform(bits, shape, -bound, bound)
        elif name.endswith(("bn.weight", "running_var")):
            tensors[name] = uniform(bits, shape, 0.5, 1.5)
        else:
            tensors[name] = uniform(bits, shape, -0.2, 0.2)
    return tensors


def import_peer() -> tuple[type[nn.Module], Callable[..., Tensor]]:
    """torch-fidelity's network and its resize, without the rest of the package."""
    found = importlib.util.find_spec("torch_fidelity")
    if found is None or not found.submodule_search_locations:
        sys.exit("torch-fidelity is absent: install it as the head of this file says.")
    package = types.ModuleType("torch_fidelity")  # in place of its own, which imports torchvision
    package.__path__ = list(found.submodule_search_locations)
    sys.modules["torch_fidelity"] = package
    network = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    resize = importlib.import_module("torch_fidelity.interpolate_compat_tensorflow")
    return (
        network.FeatureExtractorInceptionV3,
        resize.interpolate_bilinear_2d_like_tensorflow1x,
    )


def build(network: Callable[..., Any], tensors: dict[str, Tensor], dtype: torch.dtype) -> Any:
    """torch-fidelity's network with the given weights, which it takes from a file only."""
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        torch.save(tensors, file.name)
        built = network(
            "parity", ["2048", "logits_unbiased"], feature_extractor_weights_path=file.name
        )
    # Set here, for in 0.4.0 its own argument takes "float64" and means float32.
    built.feature_extractor_internal_dtype = dtype
    return built.to(dtype)


def main() -> None:
    parser = parser_with(__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {GOLDEN}")
    asked = parser.parse_args()
    tensors = seeded_weights()
    network, their_resize = import_peer()
    theirs, wide = (build(network, tensors, dtype) for dtype in (torch.float32, torch.float64))
    ours = LoadedInception(with_weights(InceptionNet, tensors), "tf1", sha256="", device="cpu")
    ours.batch_size = N_IMAGES
    rows, worst = [], 0.0
    print("image       resize   pool3    logits   to float64: ours, theirs (pool3)")
    for height, width, channels in CASES:
        images = seeded_images(height, width, channels)
        planes = images.permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
        resized = their_resize(planes.float(), size=(299, 299), align_corners=False)
        with torch.no_grad():
            (pool3, logits), (exact, _) = theirs(planes), wide(planes)
        vectors, mine = ours(images)
        assert mine is not None
        found = [
            distance(tf1_bilinear(images, 299).expand(-1, 3, -1, -1), resized),
            distance(vectors, pool3),
            distance(mine, logits),
        ]
        worst = max(worst, *found)
        columns = " ".join(f"{value:.2e}" for value in found)
        more = f"{distance(vectors, exact):.2e} {distance(pool3, exact):.2e}"
        print(f"{height}x{width}x{channels}".ljust(11), columns, more)
        rows.append(
            {
                "shape": [height, width, channels],
                "images_sha256": hash_of([images]),
                "pool3": figures(pool3),
                "logits": figures(logits),
            }
        )
    if asked.write:
        document = {
            "origin": f"torch-fidelity {version('torch-fidelity')}, FeatureExtractorInceptionV3, "
            f"PyTorch {torch.__version__} on a CPU, by bench/inception_parity.py",
            "weights_sha256": hash_of(tensors[name] for name in sorted(tensors)),
            "shapes_sha256": hash_of_shapes(tensors),
            "cases": rows,
        }
        GOLDEN.write_text(json.dumps(document, indent=1) + "\n")
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()

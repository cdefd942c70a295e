"""The candidates of bench/evaluate.py, each as named parts of the same work."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _bench import DATA

from saddlepoint.core.measures import Comparison, FeatureSet
from saddlepoint.core.registry import get
from saddlepoint.evaluation.metrics._moments import Moments
from saddlepoint.evaluation.metrics._pairwise import pairwise, real_pairs

PEERS = DATA / "peers"
D, RANK, K = 2048, 24, 3
MEASURES = ("fid", "kid", "precision-recall", "density-coverage")

Values = dict[str, float]
Part = Callable[[], Values]


def features(n: int, side: str) -> np.ndarray:
    """float32 [n, D], non-negative, more than half of them 0, with RANK directions of much
    variance. The fakes lean to one side and vary a little less."""
    lean, spread_of = (0.3, 0.95) if side == "fake" else (0.0, 1.0)
    weights = np.random.default_rng(0)
    mix = weights.standard_normal((RANK, D), np.float32) / np.sqrt(np.float32(RANK))
    offset = weights.standard_normal(D, np.float32) * 0.5 - 0.2
    generator = np.random.default_rng([side == "fake", n])
    found = np.empty((n, D), np.float32)
    for first in range(0, n, 1000):
        rows = min(1000, n - first)
        z = generator.standard_normal((rows, RANK), np.float32) * np.float32(spread_of)
        z[:, : RANK // 4] += np.float32(lean)
        noise = generator.standard_normal((rows, D), np.float32) * 0.3
        np.maximum(z @ mix + offset + noise, 0, out=found[first : first + rows])
    return found


def our_parts(real: np.ndarray, fake: np.ndarray) -> dict[str, Part]:
    """The first part makes what a cached reference brings along."""
    sides = [FeatureSet(vectors=torch.from_numpy(x)) for x in (real, fake)]
    comparison = Comparison(real=sides[0], fake=sides[1], k=K, n_bootstrap=0)

    def reference() -> Values:
        made = Moments.of(sides[0].vectors)
        kept = Moments(n=made.n, total=made.total, products=made.products, kept_factor=made.factor)
        comparison.shared["moments-real"] = kept
        return {}

    def measure(name: str) -> Values:
        found = get("metric", name)().measure(comparison)
        return {key: one.value for key, one in found.items()}

    def real_images() -> Values:
        real_pairs(comparison)  # which evaluate keeps too; it counts here all the same
        return {}

    def pairs() -> Values:
        pairwise(comparison)  # which the first measure but FID would do
        return {}

    parts: dict[str, Part] = {name: lambda name=name: measure(name) for name in MEASURES}
    return {"reference": reference, "real pairs": real_images, "pairs": pairs, **parts}


def import_fidelity() -> Any:
    """The three modules of torch-fidelity that work on features, without those that make them."""
    sys.path.append(str(PEERS))  # at the end: what the environment has is not replaced
    package = types.ModuleType("torch_fidelity")
    package.__path__ = [str(PEERS / "torch_fidelity")]
    sys.modules["torch_fidelity"] = package
    # Names of its utils, which imports torchvision; none is called once there are features.
    names = ["create_feature_extractor", "resolve_feature_extractor", "get_cacheable_input_name"]
    names += ["resolve_feature_layer_for_metric", "extract_featuresdict_from_input_id_cached"]
    names += ["cache_lookup_one_recompute_on_miss"]
    utils = types.ModuleType("torch_fidelity.utils")
    utils.__dict__.update(dict.fromkeys(names))
    sys.modules["torch_fidelity.utils"] = utils
    modules = {name: f"torch_fidelity.metric_{name}" for name in ("fid", "kid", "prc")}
    return types.SimpleNamespace(**{k: importlib.import_module(v) for k, v in modules.items()})


def fidelity_parts(real: np.ndarray, fake: np.ndarray) -> dict[str, Part]:
    """What calculate_metrics(fid=True, kid=True, prc=True) does; input 1 is the generated one."""
    its = import_fidelity()
    x, y = torch.from_numpy(fake), torch.from_numpy(real)
    moments: dict[str, Any] = {}

    def statistics_of(side: str, vectors: torch.Tensor) -> Values:
        moments[side] = its.fid.fid_features_to_statistics(vectors)
        return {}

    def kid() -> Values:
        found = its.kid.kid_features_to_metric(x, y, verbose=False)
        mean, std = its.kid.KEY_METRIC_KID_MEAN, its.kid.KEY_METRIC_KID_STD
        return {"kid_subsets": found[mean], "kid_standard_error": found[std] / 10}

    def fid() -> Values:
        found = its.fid.fid_statistics_to_metric(moments["fake"], moments["real"], False)
        return {"fid": found[its.fid.KEY_METRIC_FID]}

    return {
        "real statistics": lambda: statistics_of("real", y),
        "fake statistics": lambda: statistics_of("fake", x),
        "fid": fid,
        "kid": kid,
        "precision-recall": lambda: its.prc.prc_features_to_metric(x, y, verbose=False),
    }


def prdc_parts(real: np.ndarray, fake: np.ndarray) -> dict[str, Part]:
    sys.path.append(str(PEERS))
    compute = importlib.import_module("prdc").compute_prdc

    def all_four() -> Values:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints the numbers of images
            found = compute(real_features=real, fake_features=fake, nearest_k=K)
        return {name: float(value) for name, value in found.items()}

    return {"prdc": all_four}


def scipy_parts(real: np.ndarray, fake: np.ndarray) -> dict[str, Part]:
    linalg = importlib.import_module("scipy.linalg")

    def root(product: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of `disp`, gone with SciPy 1.18
            return linalg.sqrtm(product, disp=False)[0]

    def fid() -> Values:
        (m1, s1), (m2, s2) = ((x.mean(0), np.cov(x, rowvar=False)) for x in (real, fake))
        gap = float(((m1.astype(float) - m2.astype(float)) ** 2).sum())
        trace = np.trace(root(s1 @ s2)).real
        return {"fid": gap + float(np.trace(s1) + np.trace(s2) - 2 * trace)}

    return {"fid": fid}


PARTS: dict[str, Callable[[np.ndarray, np.ndarray], dict[str, Part]]] = {
    "ours": our_parts,
    "torch-fidelity": fidelity_parts,
    "prdc": prdc_parts,
    "scipy": scipy_parts,
}

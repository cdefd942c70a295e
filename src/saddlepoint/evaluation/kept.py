"""Results that depend on the real images alone, cached beside their features.

The folder of a bank is named after its images and extractor, and each file after all other things
that decide its content, so nothing stale can be found.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from saddlepoint.core.measures import Comparison
from saddlepoint.evaluation.metrics._kernel import subset_size
from saddlepoint.evaluation.metrics._moments import Moments
from saddlepoint.evaluation.metrics._pairwise import RealPairs, real_pairs
from saddlepoint.evaluation.tensor_files import cached_tensors

OF_REFERENCE = ("moments-real", "pairs-real")
"""Names in Comparison.shared of results that hold for other fakes of the same number, too."""


def keep_reference(comparison: Comparison, folder: Path) -> None:
    """Put the moments and the pairs of the real images into `shared`, from the folder if there."""
    comparison.shared["moments-real"] = _moments(comparison, folder)
    comparison.shared["pairs-real"] = _pairs(comparison, folder)


def _moments(comparison: Comparison, folder: Path) -> Moments:
    """Mean, covariance and its factor."""
    device = comparison.device

    def make() -> dict[str, Tensor]:
        made = Moments.of(comparison.real.vectors, device=device)
        names = ("total", "products", "factor")
        return {name: getattr(made, name).cpu() for name in names}

    # `moments.safetensors`, from before the Cholesky factor, holds a symmetric root.
    kept = cached_tensors(folder / "moments-factor.safetensors", make)
    return Moments(
        n=float(len(comparison.real)),
        total=kept["total"].to(device),
        products=kept["products"].to(device),
        kept_factor=kept["factor"].to(device),
    )


def _pairs(comparison: Comparison, folder: Path) -> RealPairs:
    """Radii, and the kernel's sums within the groups of images that seed and sizes decide."""

    def make() -> dict[str, Tensor]:
        made = real_pairs(comparison)
        return {"radii": made.radii.cpu(), "kernel_sums": made.kernel_sums.cpu()}

    decides = (
        f"k{comparison.k}-subsets{subset_size(comparison)}-seed{comparison.seed}"
        f"-bootstrap{comparison.n_bootstrap}-{comparison.dtype}"
    )
    kept = cached_tensors(folder / f"pairs-{decides}.safetensors", make)
    return RealPairs(**{name: value.to(comparison.device) for name, value in kept.items()})

"""What follows from the real images alone, kept beside their features for later evaluations.

The folder of a bank is named after the content of its images and extractor, and each file after all
else that decides what is in it, so that nothing stale can be found.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from saddlepoint.core.measures import Comparison
from saddlepoint.evaluation.bank import cached_tensors
from saddlepoint.evaluation.metrics._kernel import subset_size
from saddlepoint.evaluation.metrics._moments import Moments
from saddlepoint.evaluation.metrics._pairwise import RealPairs, real_pairs

OF_REFERENCE = ("moments-real", "pairs-real")
"""Names in Comparison.shared of what other fakes of the same number would find again."""


def keep_reference(comparison: Comparison, folder: Path) -> None:
    """Put the moments and the pairs of the real images into `shared`, made when absent on disk."""
    comparison.shared["moments-real"] = _moments(comparison, folder)
    comparison.shared["pairs-real"] = _pairs(comparison, folder)


def _moments(comparison: Comparison, folder: Path) -> Moments:
    """Mean, covariance and its factor.

    The file has had this name since it holds a Cholesky factor; one that holds a symmetric root
    (`moments.safetensors`) is left alone.
    """
    device = comparison.device

    def make() -> dict[str, Tensor]:
        made = Moments.of(comparison.real.vectors, device=device)
        names = ("total", "products", "factor")
        return {name: getattr(made, name).cpu() for name in names}

    kept = cached_tensors(folder / "moments-factor.safetensors", make)
    return Moments(
        n=float(len(comparison.real)),
        total=kept["total"].to(device),
        products=kept["products"].to(device),
        kept_factor=kept["factor"].to(device),
    )


def _pairs(comparison: Comparison, folder: Path) -> RealPairs:
    """Radii, and sums of the kernel within the groups of images that seed and numbers decide."""

    def make() -> dict[str, Tensor]:
        made = real_pairs(comparison)
        return {"radii": made.radii.cpu(), "kernel_sums": made.kernel_sums.cpu()}

    decides = (
        f"k{comparison.k}-subsets{subset_size(comparison)}-seed{comparison.seed}"
        f"-bootstrap{comparison.n_bootstrap}-{comparison.dtype}"
    )
    kept = cached_tensors(folder / f"pairs-{decides}.safetensors", make)
    return RealPairs(**{name: value.to(comparison.device) for name, value in kept.items()})

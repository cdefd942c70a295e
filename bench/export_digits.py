"""Write the embedded `digits` from the copy that scikit-learn carries (run once, by a developer).

python bench/export_digits.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).parents[1] / "src/saddlepoint/data/embedded/digits.npz"


def main() -> None:
    """Keep the original values 0..16; the source scales them when it opens the file."""
    bunch = load_digits()
    images = bunch.images.astype(np.uint8)  # type: ignore[attr-defined]
    labels = bunch.target.astype(np.uint8)  # type: ignore[attr-defined]
    assert images.shape == (1797, 8, 8)
    assert images.max() == 16
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, images=images, labels=labels)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()

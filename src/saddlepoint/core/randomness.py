"""Every random number is a function of (seed, rank, n_images, purpose).

Generators are created from derived seeds each time, so a checkpoint saves no generator state, and
two purposes never share a stream by accident.
"""

from __future__ import annotations

import hashlib

import torch


def derive_seed(seed: int, purpose: str, n_images: int, rank: int = 0) -> int:
    """A seed in [0, 2^63) for one purpose at one moment of a run.

    The first 63 bits of blake2b of the text "seed|purpose|n_images|rank", which
    does not depend on the machine, the Python version or `PYTHONHASHSEED`.

    Args:
        seed: the run's seed.
        purpose: a short fixed word, such as "order" or "augment".
        n_images: real images shown so far, or any other counter that names the moment.
        rank: the process, where each must draw its own numbers.
    """
    text = f"{int(seed)}|{purpose}|{int(n_images)}|{int(rank)}".encode()
    # 63 bits, so that it is a positive number in int64 as well.
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def seed_torch(seed: int) -> None:
    """Seed torch's own generators, on the CPU and on every device that is in use.

    `torch.manual_seed` does the same, but for each kind of device that is not initialised it
    formats the call stack, to be able to seed it later: a tenth of a step of a small net.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)

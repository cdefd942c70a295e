"""Which device, precision and threads: `auto` becomes a decision that config.json records."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from saddlepoint.core.config import Train
from saddlepoint.core.tensors import require_device

_PROCESSORS = Path("/proc/cpuinfo")


def resolve(train: Train) -> Train:
    """`train` with device, precision and number of threads decided for this machine.

    Raises:
        InputError: the device does not exist here.
    """
    device = train.device
    if device == "auto":
        device = "cpu"
        if torch.cuda.is_available():
            device = "cuda"
        elif torch.backends.mps.is_available():
            device = "mps"
    require_device(device, "--device", "cpu or auto")
    precision = train.precision
    if precision == "auto":
        precision = "bf16" if has_fast_bf16(device) else "fp32"
    threads = train.threads or torch.get_num_threads()
    # Recorded, so that a resume computes the same bits.
    return replace(train, device=device, precision=precision, threads=threads)


def synchronize(device: str) -> None:
    """Wait until the device has finished all its work; returns at once on a CPU."""
    getattr(torch, torch.device(device).type).synchronize()


def has_fast_bf16(device: str) -> bool:
    """True where bf16 arithmetic is faster than fp32, not just supported."""
    if device.startswith("cuda"):
        # Ampere, 8.0, is the first generation with units for bf16.
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device == "cpu":
        # Emulated without instructions. Intel's AVX-512 multiplies as many numbers a cycle in fp32
        # as in bf16, so there it costs casts and gains nothing (docs/log.md, "Is bf16 faster
        # wherever a processor has it?"); AMD's multiplies twice as many, Intel's AMX more still.
        cpu = torch.cpu
        if cpu._is_amx_tile_supported():
            return True
        return bool(cpu._is_avx512_bf16_supported()) and not _made_by_intel()
    return False


def _made_by_intel() -> bool:
    try:
        processor = _PROCESSORS.read_text(errors="replace")
    except OSError:  # no Linux
        processor = platform.processor()
    return "GenuineIntel" in processor


@contextlib.contextmanager
def cuda_stream(device: str) -> Iterator[None]:
    """Run the block on a CUDA stream of its own, with the same bits every time; elsewhere this
    changes nothing.

    The default stream cannot be recorded, and autograd adds up a parameter's gradients on the
    stream where the parameter was first used: eager and recorded steps have to share one.
    """
    if torch.device(device).type != "cuda":
        yield
        return
    # In float32, cuDNN's default choice of convolutions adds up in no fixed order (docs/log.md,
    # "The same bits on a GPU"); the others are as fast at the sizes that we train.
    cudnn = torch.backends.cudnn
    kept = cudnn.deterministic, cudnn.benchmark
    before, stream = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    stream.wait_stream(before)
    try:
        cudnn.deterministic, cudnn.benchmark = True, False
        with torch.cuda.stream(stream):
            yield
    finally:
        before.wait_stream(stream)
        cudnn.deterministic, cudnn.benchmark = kept


def autocast(train: Train) -> torch.autocast:
    """bf16 autocast, or nothing. One context a phase: its cache of cast weights must not
    outlive an optimiser step."""
    kind = torch.device(train.device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=train.precision == "bf16")

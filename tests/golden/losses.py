"""The first ten steps of every preset, fp32 on digits: remade by `python tests/golden/losses.py`.

The numbers in losses.json change only when the mathematics of a preset does; say why in the
commit that changes them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch

from saddlepoint.core.config_json import with_changes
from saddlepoint.data.loader import DeviceData
from saddlepoint.data.sources.digits import Digits
from saddlepoint.presets import PRESETS, preset
from saddlepoint.training import device, steps
from saddlepoint.training.loop import iterate
from saddlepoint.training.state import TrainState

FILE = Path(__file__).with_name("losses.json")
N_STEPS = 10
SMALL = {
    "mlp": {"arch.generator_widths": [32, 32], "arch.discriminator_widths": [32]},
    "dcgan": {"arch.generator_width": 16, "arch.discriminator_width": 16},
    "r3gan": {"arch.width": 16},
}

STEADY = {"optim_g.eps": 1e-3, "optim_d.eps": 1e-3}
"""Adam and RMSprop take as large first steps for a gradient that is nothing but rounding as for
any other: the 50 critic steps of a Wasserstein preset, and the ten on wrong labels of a conditional
one, would part by 0.5 % between processors with other kernels. With this eps they do not."""


def first_losses(name: str) -> list[list[float]]:
    """[[loss_d, loss_g], ...] of the first ten steps."""
    config = preset(name, Digits())
    changes = {**SMALL[config.arch.kind], "train.precision": "fp32", "train.device": "cpu"}
    if config.loss.kind == "wasserstein" or config.train.wrong_label_fraction:
        changes |= STEADY
    config = with_changes(config, {**changes, "train.kimg": 1, "train.batch_size": 16})
    config = replace(config, train=device.resolve(config.train))
    dataset = config.source.open()
    rows = []
    with torch.random.fork_rng(devices=[]):
        state = TrainState.new(config, dataset.spec)
        data = DeviceData(dataset, "cpu", config.seed)
        for _ in range(N_STEPS):
            sums = steps.Sums()
            iterate(state, config, data, sums)
            means = sums.take()
            rows.append([round(means["loss_d"], 6), round(means["loss_g"], 6)])
    return rows


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: first_losses(name) for name in PRESETS}, indent=1) + "\n")

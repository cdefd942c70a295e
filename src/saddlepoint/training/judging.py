"""How a step judges real images and fakes: in one call or in two, with slopes for penalties."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Batch, Discriminator, Penalty
from saddlepoint.core.ranks import sharing
from saddlepoint.core.slopes import judged_with_slopes
from saddlepoint.training.state import TrainState


def in_one_call(state: TrainState, config: Config) -> bool:
    """Whether real images and fakes are judged together: the same mathematics, faster on a GPU."""
    # A GPU runs few large kernels faster than many small ones. On a CPU, batches of half the size
    # fit the caches better (docs/log.md, "Where does a step spend its time").
    on_gpu = torch.device(config.train.device).type == "cuda"
    return on_gpu and state.discriminator.per_image and not config.train.wrong_label_fraction


def judge(
    state: TrainState,
    config: Config,
    real: Batch,
    made: Tensor,
    penalties: Sequence[Penalty],
    together: bool,
) -> tuple[Tensor, Tensor, dict[str | None, Tensor]]:
    """What the discriminator says of real images and of fakes with the same labels.

    Returns:
        Logits of both, float32 [n], and dD/dx, float32 [n, d], by the side that penalties want.
    """
    net, train = state.discriminator, config.train
    sides = {penalty.side for penalty in penalties if penalty.side is not None}
    # The penalties' own passes run eagerly where the nets are compiled.
    wanted = sides if net.per_image and not train.compile else set()
    found: dict[str | None, Tensor] = {}
    if together:
        images = torch.cat([real.images, made])
        labels = None if real.labels is None else real.labels.repeat(2)
        if len(wanted) == 2:
            logits, slopes = judged_with_slopes(net, images, labels)
            found["real"], found["fake"] = slopes.chunk(2)
        else:
            logits = net(images, labels).float()
        real_logits, fake_logits = logits.chunk(2)
        return real_logits, fake_logits, found
    # Two passes: real and fake must not share the statistics of one BatchNorm pass.
    if "real" in wanted:
        real_logits, found["real"] = judged_with_slopes(net, real.images, real.labels)
    else:
        real_logits = net(real.images, real.labels).float()
    if "fake" in wanted and not train.wrong_label_fraction:
        fake_logits, found["fake"] = judged_with_slopes(net, made, real.labels)
    else:
        fake_logits = _fake_logits(net, real, made, train.wrong_label_fraction)
    return real_logits, fake_logits, found


def _fake_logits(
    discriminator: Discriminator, real: Batch, made: Tensor, wrong_label_fraction: float
) -> Tensor:
    """What the discriminator must lower: its logits of the fakes, float32 [n].

    A share of the fakes is replaced by real images with a wrong label. So the discriminator has to
    use the label, and the generator has to draw what cannot be taken for another class.
    Paper: Reed et al. 2016, https://arxiv.org/abs/1605.05396, section 4.1 (GAN-CLS).
    """
    ranks = sharing()
    n_wrong = int(wrong_label_fraction * len(made) * ranks.size) // ranks.size
    if n_wrong == 0:
        return discriminator(made, real.labels).float()
    assert real.labels is not None
    n_classes = discriminator.n_classes
    shift = ranks.drawn(lambda n: torch.randint(1, n_classes, (n,), device=made.device), n_wrong)
    wrong = (real.labels[:n_wrong] + shift) % n_classes
    # A pass of its own, as for the real images: its statistics are not those of the fakes.
    logits_wrong = discriminator(real.images[:n_wrong], wrong)
    logits_made = discriminator(made[n_wrong:], real.labels[n_wrong:])
    return torch.cat([logits_wrong, logits_made]).float()

"""Presets without labels: the families of the lecture, with what pays off within minutes."""

from __future__ import annotations

from dataclasses import replace

from saddlepoint.architectures.dcgan import Dcgan
from saddlepoint.architectures.mlp import Mlp
from saddlepoint.core.config import Config, Train
from saddlepoint.core.contracts import Conditioning, Source
from saddlepoint.losses.classic import Minimax, NonSaturating
from saddlepoint.losses.gradient_penalties import R1, R2, GradientPenalty
from saddlepoint.losses.relativistic import Relativistic
from saddlepoint.losses.wasserstein import Wasserstein
from saddlepoint.training.optimizers import Adam, RmsProp


def gan(source: Source) -> Config:
    """The first GAN: fully connected nets, non-saturating loss. Takes images and 2-D points.

    Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661.
    Command: saddle train gan --data fashion-mnist
    """
    return Config(
        preset="gan",
        source=source,
        arch=Mlp(),
        loss=NonSaturating(),
        optim_g=Adam(lr=2e-4),
        optim_d=Adam(lr=2e-4),
        train=Train(kimg=1000),
    )


def gan_minimax(source: Source) -> Config:
    """The first GAN with the minimax loss of the theory, to watch it saturate.

    Paper: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1.
    Command: saddle train gan-minimax --data fashion-mnist
    """
    return replace(gan(source), preset="gan-minimax", loss=Minimax())


def gan_points(source: Source) -> Config:
    """A small GAN for 2-D points, such as ring8: relativistic pairs, R1 and R2, no BatchNorm.

    It takes about 40 seconds of one core; what it comes to on ring8 and grid25 is in
    docs/benchmarks.md, "Known modes".
    Papers: Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, section 4.1 (R1); Huang et al.
    2024, https://arxiv.org/abs/2501.05441 (the loss, R1 and R2).
    Command: saddle train gan-points --data ring8
    """
    adam = Adam(lr=4e-3, beta1=0.5, beta2=0.9, decay_start=0.0)
    return Config(
        preset="gan-points",
        source=source,
        arch=Mlp(
            generator_widths=(64, 64, 64, 64),
            discriminator_widths=(128, 128, 128),
            generator_norm="none",
            # Between two narrow modes a net is thousands of times as steep as within one: units
            # that leak 0.2 below 0 leave a tenth of the points on the way (docs/log.md).
            leak=0.0,
            latent_dim=4,
        ),
        loss=Relativistic(),
        # Strong at first, against going round in circles; in the end a discriminator has to be
        # steep at the edge of a mode.
        penalties=(R1(gamma=0.01, every=4), R2(gamma=0.01, every=4)),
        optim_g=adam,
        optim_d=adam,
        # Eight bits of mantissa, as in bf16, would smear modes of a hundredth of their distance.
        train=Train(kimg=1440, batch_size=192, final_penalty_factor=1e-3, precision="fp32"),
    )


def dcgan(source: Source) -> Config:
    """Transposed convolutions and BatchNorm in both nets.

    Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434. Differs from the paper: narrower,
    with a stage at full resolution, residual convolutions in the discriminator, 16 latent
    dimensions, and a learning rate that falls from 1e-3 to nearly 0 over the budget, instead of
    2e-4: what pays off within minutes on a CPU (docs/log.md). Faces and photographs vary more: use
    --arch.latent-dim 64 for them.
    Command: saddle train dcgan --data fashion-mnist --minutes 7
    """
    return Config(
        preset="dcgan",
        source=source,
        arch=Dcgan(
            latent_dim=16,
            generator_width=48,
            discriminator_width=32,
            discriminator_residuals=2,
            full_resolution=True,
        ),
        loss=NonSaturating(),
        optim_g=Adam(lr=1e-3, decay_start=0.0),
        optim_d=Adam(lr=1e-3, decay_start=0.0),
        train=Train(kimg=400),
    )


def dcgan_r1(source: Source) -> Config:
    """DCGAN's first modern step: no BatchNorm in the discriminator, lazy R1, relativistic pairs.

    Papers: Mescheder et al. 2018, https://arxiv.org/abs/1801.04406; Jolicoeur-Martineau 2019,
    https://arxiv.org/abs/1807.00734; residual convolutions in the discriminator: He et al. 2016,
    https://arxiv.org/abs/1603.05027; self-modulation in the generator: Chen et al. 2019,
    https://arxiv.org/abs/1810.01365.
    Command: saddle train dcgan-r1 --data fashion-mnist --minutes 7
    """
    return dcgan_r1_like(source, "dcgan-r1", "none")


def dcgan_r1_like(
    source: Source,
    name: str,
    conditioning: Conditioning,
    wrong_label_fraction: float = 0.0,
    label_scale: float = 1.0,
) -> Config:
    """The recipe that `dcgan-r1` shares with the conditional presets."""
    return Config(
        preset=name,
        source=source,
        arch=Dcgan(
            latent_dim=16,
            generator_width=48,
            discriminator_width=32,
            # R1 is the gradient of one image's logit; BatchNorm would mix in the other images.
            discriminator_norm="none",
            discriminator_residuals=2,
            self_modulation=True,
            full_resolution=True,
            init="he",
            conditioning=conditioning,
            embedding_dim=8,
            label_scale=label_scale,
        ),
        loss=Relativistic(),
        penalties=(R1(gamma=0.5, every=8),),
        optim_g=Adam(lr=1.5e-3, beta1=0.0, beta2=0.99, decay_start=0.0),
        optim_d=Adam(lr=1.5e-3, beta1=0.0, beta2=0.99, decay_start=0.0),
        train=Train(kimg=400, batch_size=32, wrong_label_fraction=wrong_label_fraction),
    )


def wgan(source: Source) -> Config:
    """The Wasserstein distance by a critic whose weights are clipped.

    Paper: Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, algorithm 1. Differs from the
    paper: a clip of 0.05 instead of 0.01 and a learning rate of 1e-3 that falls in the second
    half, instead of 5e-5; with the paper's, minutes do not give recognisable images
    (docs/log.md).
    Command: saddle train wgan --data fashion-mnist
    """
    return Config(
        preset="wgan",
        source=source,
        arch=Dcgan(latent_dim=64, generator_width=48, discriminator_width=48, full_resolution=True),
        loss=Wasserstein(clip=0.05),
        optim_g=RmsProp(lr=1e-3, decay_start=0.5),
        optim_d=RmsProp(lr=1e-3, decay_start=0.5),
        # Algorithm 1: the critic has to be close to its optimum, or its gradient points nowhere.
        train=Train(kimg=400, n_critic=5),
    )


def wgan_gp(source: Source) -> Config:
    """The Wasserstein distance by a critic under a gradient penalty; no BatchNorm in the critic.

    Paper: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, algorithm 1. Differs from the
    paper: a learning rate of 1e-3 that falls in the second half, instead of 1e-4 (docs/log.md).
    Command: saddle train wgan-gp --data fashion-mnist
    """
    return wgan_gp_like(source, "wgan-gp", "none")


def wgan_gp_like(source: Source, name: str, conditioning: Conditioning) -> Config:
    """The recipe that `wgan-gp` shares with its conditional version."""
    return Config(
        preset=name,
        source=source,
        arch=Dcgan(
            latent_dim=64,
            generator_width=48,
            discriminator_width=48,
            # Section 4: the penalty is on one image's gradient, and BatchNorm would mix in others.
            discriminator_norm="none",
            full_resolution=True,
            init="he",
            conditioning=conditioning,
        ),
        loss=Wasserstein(),
        penalties=(GradientPenalty(weight=10.0, target=1.0),),
        optim_g=Adam(lr=1e-3, beta1=0.0, beta2=0.9, decay_start=0.5),
        optim_d=Adam(lr=1e-3, beta1=0.0, beta2=0.9, decay_start=0.5),
        train=Train(kimg=400, n_critic=5),
    )

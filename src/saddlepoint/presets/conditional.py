"""Presets whose nets are given the label: conditional GANs, by the way that the label enters.

The three DCGANs have the nets, loss and penalty of `dcgan-r1`, and some of the discriminator's
fakes are real images with a wrong label (Reed et al. 2016, https://arxiv.org/abs/1605.05396,
section 4.1): the more of them, the more samples are of the class asked for, and the lower is the
recall. Fashion-MNIST, medians of three seeds, `cgan-onehot` in float32, the others in bf16
(docs/benchmarks.md, "Quality in equal time"):

| preset | images | precision | recall | coverage | label accuracy |
| --- | --- | --- | --- | --- | --- |
| `cgan-onehot` | 450,000 | 0.856 | 0.614 | 0.749 | 0.957 |
| `cgan-embedding` | 450,000 | 0.854 | 0.587 | 0.728 | 0.951 |
| `cgan-every-layer` | 250,000 | 0.854 | 0.610 | 0.744 | 0.961 |
"""

from __future__ import annotations

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Source
from saddlepoint.presets.plain import dcgan_r1_like, wgan_gp_like


def cgan_onehot(source: Source) -> Config:
    """Conditional `dcgan-r1`, the label as a one-hot vector concatenated to both inputs.

    Papers: Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784 (there with MLPs); ten of 32
    fakes of the discriminator are real images with a wrong label: Reed et al. 2016,
    https://arxiv.org/abs/1605.05396, section 4.1. Differs from both: the label's vector has a
    length of 0.15, not 1. In the end more samples are of the class asked for, and recall is
    higher, but the label is learnt later: after 24,000 images label accuracy is 0.775, and 0.882
    with `--arch.label-scale 1`, which suits a short training (docs/log.md).
    Command: saddle train cgan-onehot --data fashion-mnist
    """
    return dcgan_r1_like(
        source, "cgan-onehot", "onehot", wrong_label_fraction=0.3125, label_scale=0.15
    )


def cgan_embedding(source: Source) -> Config:
    """Conditional `dcgan-r1`, the label as a learned vector concatenated to both inputs.

    Papers: Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784 (there one-hot); a quarter of
    the discriminator's fakes are real images with a wrong label: Reed et al. 2016,
    https://arxiv.org/abs/1605.05396, section 4.1.
    Command: saddle train cgan-embedding --data fashion-mnist
    """
    return dcgan_r1_like(source, "cgan-embedding", "embedding", wrong_label_fraction=0.25)


def cgan_every_layer(source: Source) -> Config:
    """Conditional `dcgan-r1`: the label in every generator layer, projection in the discriminator.

    Papers: Dumoulin et al. 2017, https://arxiv.org/abs/1610.07629; Miyato & Koyama 2018,
    https://arxiv.org/abs/1802.05637; a quarter of the discriminator's fakes are real images with
    a wrong label: Reed et al. 2016, https://arxiv.org/abs/1605.05396, section 4.1.
    Command: saddle train cgan-every-layer --data fashion-mnist
    """
    return dcgan_r1_like(source, "cgan-every-layer", "every-layer", wrong_label_fraction=0.25)


def cwgan_gp(source: Source) -> Config:
    """Conditional WGAN-GP: the label in every generator layer, projection in the critic.

    Papers: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028; Miyato & Koyama 2018,
    https://arxiv.org/abs/1802.05637.
    Command: saddle train cwgan-gp --data fashion-mnist
    """
    return wgan_gp_like(source, "cwgan-gp", "every-layer")

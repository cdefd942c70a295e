"""How a label enters a network: beside the input, or in every layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot


def looked_up(table: nn.Embedding, labels: Tensor) -> Tensor:
    """A row of the table for each label, int64 [n]; of shares of the classes, float32
    [n, n_classes], the mean of the rows with these weights."""
    return labels @ table.weight if labels.is_floating_point() else table(labels)


class LabelInput(nn.Module):
    """labels -> a vector that is concatenated to a network's input.

    onehot: the class as a unit vector (Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784).
    embedding: a learned vector. `scale` is their length. Otherwise the vector is empty (`width` 0).
    """

    def __init__(
        self, conditioning: str, n_classes: int, embedding_dim: int, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.scale = scale
        self.n_classes = n_classes
        self.kind = conditioning
        self.width = {"onehot": n_classes, "embedding": embedding_dim}.get(conditioning, 0)
        self.table = nn.Embedding(n_classes, embedding_dim) if conditioning == "embedding" else None
        if self.table is not None:
            # Vectors of length 1, as one-hot's are: longer ones drown the image beside them.
            nn.init.normal_(self.table.weight, 0.0, embedding_dim**-0.5)

    def beside(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """x [n, d] or [n, c, h, w] with the label's vector appended along dimension 1.

        Args:
            labels: int64 [n], or the shares of the classes, float32 [n, n_classes].
        """
        if self.width == 0:
            return x
        assert labels is not None
        if self.table is not None:
            code = looked_up(self.table, labels)
        else:
            code = labels if labels.is_floating_point() else one_hot(labels, self.n_classes)
        code = code.to(x.dtype)
        code = code if self.scale == 1 else code * self.scale
        if x.dim() == 4:
            # One constant plane for each number of the label.
            code = code[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return torch.cat([x, code], dim=1)


class ConditionalBatchNorm(nn.Module):
    """BatchNorm whose gain and bias belong to the class; plain BatchNorm without classes.

    Paper: Dumoulin et al. 2017, https://arxiv.org/abs/1610.07629, equation 5.
    """

    def __init__(self, width: int, n_classes: int = 0) -> None:
        super().__init__()
        self.norm = _BatchNorm(width, affine=n_classes == 0)
        self.gain = nn.Embedding(n_classes, width) if n_classes else None
        self.bias = nn.Embedding(n_classes, width) if n_classes else None
        if self.gain is not None and self.bias is not None:
            nn.init.normal_(self.gain.weight, 1.0, 0.02)
            nn.init.zeros_(self.bias.weight)
        elif self.norm.weight is not None:
            nn.init.normal_(self.norm.weight, 1.0, 0.02)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        x = self.norm(x)
        if self.gain is None or self.bias is None:
            return x
        assert labels is not None
        shape = (x.shape[0], -1) + (1,) * (x.dim() - 2)
        # Equation 5, with the class's own gain and bias.
        gain = looked_up(self.gain, labels).view(shape).to(x.dtype)
        return torch.addcmul(looked_up(self.bias, labels).view(shape).to(x.dtype), x, gain)


class NoNorm(nn.Module):
    """Stands where a ConditionalBatchNorm could: x as it is."""

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        return x


class _BatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm over [n, c] as over [n, c, h, w]."""

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (2, 4):
            raise ValueError(f"expected [n, c] or [n, c, h, w], got {list(input.shape)}")


class Projection(nn.Module):
    """The class's part of a discriminator's logit: <embedding of the label, features>.

    Paper: Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637, equation 3.
    """

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(n_classes, width)
        # Near 0: the discriminator starts as an unconditional one, and learns what a class is.
        nn.init.normal_(self.table.weight, 0.0, 0.002)

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """features [n, width], labels [n] -> [n]."""
        assert labels is not None
        return (self.table(labels) * features).sum(1)

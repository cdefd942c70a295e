"""A warm start: nets begin with the weights of a trained model, layer by layer as far as they fit.

A layer is taken whole or not at all, so that no weight meets another's bias or statistics. Layers
correspond by name, where their lists are counted from the first or from the last: nets for images
of two sizes have in common what is next to the images. Of a first layer whose label has changed,
all inputs but the label's are taken.

Optimisers, averages and schedules start anew. So do BatchNorm's counts of batches: they count
those of this run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

from saddlepoint.core.contracts import Discriminator, Generator
from saddlepoint.core.unfilled import unfilled
from saddlepoint.training.trained_model import TrainedModel

_COUNT = "num_batches_tracked"


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What one net takes of another's weights."""

    taken: Mapping[str, Tensor]
    """Name in this net -> the other's value; with fewer inputs (dimension 1) where the label's are
    left out."""
    kept: tuple[str, ...]
    """Layers that are taken whole, in order."""
    partly: tuple[str, ...]
    """Layers that are taken but for the label's inputs."""
    anew: Mapping[str, str]
    """Layer that is not taken -> why, as the end of a sentence."""
    left: tuple[str, ...]
    """Layers of the other net that have no place in this one."""

    @property
    def n_weights(self) -> int:
        """Numbers that are taken."""
        return sum(value.numel() for value in self.taken.values())

    @torch.no_grad()
    def load_into(self, net: nn.Module) -> None:
        """Overwrite what is taken."""
        own = net.state_dict()
        for name, value in self.taken.items():
            same = own[name].shape == value.shape
            (own[name] if same else own[name][:, : value.shape[1]]).copy_(value)


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """What both players take."""

    trained: TrainedModel
    generator: Fit
    discriminator: Fit | None
    """None where the generator came alone."""

    @classmethod
    def of(
        cls, trained: TrainedModel, generator: Generator, discriminator: Discriminator
    ) -> WarmStart:
        """Compare a trained model with two nets, which may be on the meta device."""
        about = trained.about
        with unfilled():
            there_g = about.arch.generator(about.spec).label_inputs
            there_d = about.arch.discriminator(about.spec).label_inputs
        judge, found = trained.discriminator, None
        if judge is not None:
            inputs = (discriminator.label_inputs, there_d)
            found = _best_fit(judge, discriminator.state_dict(), inputs)
        inputs = (generator.label_inputs, there_g)
        made = _best_fit(about.weights, generator.state_dict(), inputs)
        return cls(trained=trained, generator=made, discriminator=found)

    @property
    def fits(self) -> dict[str, Fit]:
        """Player -> what it takes."""
        found = {"generator": self.generator}
        return (
            found if self.discriminator is None else {**found, "discriminator": self.discriminator}
        )

    def load_into(self, generator: Generator, discriminator: Discriminator) -> None:
        """Overwrite what is taken."""
        self.generator.load_into(generator)
        if self.discriminator is not None:
            self.discriminator.load_into(discriminator)

    def n_whole(self, discriminator: Discriminator) -> int:
        """How many of the discriminator's first layers are taken whole."""
        kept = set() if self.discriminator is None else {*self.discriminator.kept}
        for number, names in enumerate(layer_names(discriminator)):
            if not kept.issuperset(names):
                return number
        return len(discriminator.hidden_layers())


def _best_fit(
    trained: Mapping[str, Tensor], own: Mapping[str, Tensor], label_inputs: tuple[int, int]
) -> Fit:
    ways = [fit(trained, own, label_inputs, from_the_end=way) for way in (False, True)]
    return max(ways, key=lambda found: found.n_weights)


def fit(
    trained: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    label_inputs: tuple[int, int] = (0, 0),
    from_the_end: bool = False,
) -> Fit:
    """What a net takes of another's weights.

    Args:
        own: the net's weights and buffers, whose values do not matter.
        label_inputs: how many inputs of the first layer are the label's, here and there.
        from_the_end: lists of layers are numbered from their ends.
    """
    there = _counterparts(own, trained) if from_the_end else {name: name for name in own}
    taken: dict[str, Tensor] = {}
    kept, partly, anew = [], [], {}
    for layer, names in _layers(own).items():
        given = {name: trained[there[name]] for name in names if there[name] in trained}
        wrong = [name for name in names if not _alike(own[name], given.get(name))]
        if not wrong:
            kept.append(layer)
        elif all(_alike_but_label(own[name], given.get(name), label_inputs) for name in wrong):
            partly.append(layer)
            for name in wrong:
                given[name] = given[name][:, : given[name].shape[1] - label_inputs[1]]
        else:
            anew[layer] = _why(layer, wrong[0], own, given)
            continue
        taken |= {name: value for name, value in given.items() if not name.endswith(_COUNT)}
    met = {_layer_of(there[name]) for name in own}
    left = tuple(layer for layer in _layers(trained) if layer not in met)
    return Fit(taken=taken, kept=tuple(kept), partly=tuple(partly), anew=anew, left=left)


def freeze(discriminator: Discriminator, n: int) -> None:
    """Keep the first n layers as they are: no gradients, and statistics that stand still.

    Paper: Mo et al. 2020, https://arxiv.org/abs/2002.10964, section 2 (FreezeD).
    """
    for module in chain.from_iterable(discriminator.hidden_layers()[:n] if n else ()):
        # Evaluation mode: BatchNorm and the power iteration of spectral norm keep their buffers.
        module.requires_grad_(False).eval()


def trainable(net: nn.Module) -> list[nn.Parameter]:
    """What its optimiser moves."""
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


def layer_names(discriminator: Discriminator) -> list[list[str]]:
    """The names in its weights of each of its hidden layers' parts; those without weights have
    none."""
    names = {module: name for name, module in discriminator.named_modules()}
    return [
        [
            layer
            for module in modules
            for layer in _layers(module.state_dict(prefix=f"{names[module]}."))
        ]
        for modules in discriminator.hidden_layers()
    ]


def _layers(tensors: Iterable[str]) -> dict[str, list[str]]:
    """Layer -> the names of its tensors, in order."""
    found: dict[str, list[str]] = {}
    for name in tensors:
        found.setdefault(_layer_of(name), []).append(name)
    return found


def _layer_of(name: str) -> str:
    # A weight that is normalised spectrally lies deeper than the bias of the same layer.
    layer, normalised, _ = name.partition(".parametrizations.")
    return layer if normalised else name.rpartition(".")[0] or name


def _counterparts(own: Iterable[str], trained: Iterable[str]) -> dict[str, str]:
    """Name here -> the name there that is as far from the end of its lists of layers."""
    here, there = _lengths(own), _lengths(trained)
    found = {}
    for name in own:
        parts: list[str] = []
        for index, part in enumerate(name.split(".")):
            prefix, prefix_there = ".".join(name.split(".")[:index]), ".".join(parts)
            if part.isdigit() and prefix_there in there:
                part = str(int(part) + there[prefix_there] - here[prefix])
            parts.append(part)
        found[name] = ".".join(parts)
    return found


def _lengths(names: Iterable[str]) -> dict[str, int]:
    """List of layers -> how many it has."""
    found: dict[str, int] = {}
    for name in names:
        parts = name.split(".")
        for index, part in enumerate(parts):
            if part.isdigit():
                prefix = ".".join(parts[:index])
                found[prefix] = max(found.get(prefix, 0), int(part) + 1)
    return found


def _alike(own: Tensor, given: Tensor | None) -> bool:
    return given is not None and (own.shape, own.dtype) == (given.shape, given.dtype)


def _alike_but_label(own: Tensor, given: Tensor | None, label_inputs: tuple[int, int]) -> bool:
    here, there = label_inputs
    if given is None or here == there or min(own.ndim, given.ndim) < 2 or own.dtype != given.dtype:
        return False
    others = own.shape[1] - here
    same = (own.shape[0], *own.shape[2:]) == (given.shape[0], *given.shape[2:])
    return same and others == given.shape[1] - there and others > 0


def _why(layer: str, name: str, own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    short = name.removeprefix(f"{layer}.").replace("parametrizations.", "")
    if name not in given:
        return f"there is no {short} there" if given else "there is none there"
    return f"its {short} is {_size(own[name])} here and {_size(given[name])} there"


def _size(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"

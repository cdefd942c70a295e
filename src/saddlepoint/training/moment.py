"""A copy of everything that training changes, as of one step: what a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.training.state import TrainState


@dataclass(frozen=True)
class Moment:
    """A TrainState as plain tensors, on its device; training may go on beside it."""

    n_images: int
    n_steps: int
    n_treatments: int
    nets: dict[str, dict[str, Tensor]]
    """Net -> name -> parameter or buffer."""
    optimizers: dict[str, Tensor]
    """`generator/<parameter>/exp_avg` and so on."""

    @classmethod
    def of(cls, state: TrainState) -> Moment:
        """A copy of the state as it is now; later steps do not change it."""
        nets = {
            name: {key: _copy(tensor) for key, tensor in net.state_dict().items()}
            for name, net in state.nets.items()
        }
        optimizers = {}
        for player, optimizer in state.optimizers.items():
            # By name: the order of parameters is an accident of the code.
            for name, parameter in state.nets[player].named_parameters():
                for key, value in optimizer.state.get(parameter, {}).items():
                    optimizers[f"{player}/{name}/{key}"] = _copy(torch.as_tensor(value))
        return cls(state.n_images, state.n_steps, state.n_treatments, nets, optimizers)


def _copy(tensor: Tensor) -> Tensor:
    # safetensors takes contiguous tensors only; those of nets on images are channels-last.
    return tensor.detach().clone(memory_format=torch.contiguous_format)

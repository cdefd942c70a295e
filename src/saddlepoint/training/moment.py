"""A copy of everything that training changes, as of one step: what a checkpoint holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

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

    def put_back(self, state: TrainState) -> None:
        """Make `state`, of the same configuration, what it was at this moment; a step that was
        broken off leaves nothing behind."""
        state.n_images, state.n_steps = self.n_images, self.n_steps
        state.n_treatments = self.n_treatments
        for name, net in state.nets.items():
            net.load_state_dict(self.nets[name])
        for player, optimizer in state.optimizers.items():
            optimizer.state.clear()
            optimizer.zero_grad(set_to_none=True)
            restore_optimizer(optimizer, state.nets[player], self.optimizers, player)
        # The generator's step freezes the discriminator.
        state.require_gradients_d(True)


def restore_optimizer(
    optimizer: torch.optim.Optimizer, net: nn.Module, tensors: dict[str, Tensor], player: str
) -> None:
    """Give each parameter its moments back, in the parameter's own memory layout, so that the
    fused optimiser gets the tensors of a run that was never stopped."""
    for name, parameter in net.named_parameters():
        prefix = f"{player}/{name}/"
        moments: dict[str, Any] = {}
        for key, value in tensors.items():
            if key.startswith(prefix):
                # Adam's step count is a scalar, which has a GPU's optimiser on the GPU as well.
                like = parameter if value.shape == parameter.shape else value
                kept = torch.empty_like(like, device=parameter.device)
                moments[key.removeprefix(prefix)] = kept.copy_(value)
        if moments:
            optimizer.state[parameter] = moments


def _copy(tensor: Tensor) -> Tensor:
    # safetensors takes contiguous tensors only; those of nets on images are channels-last.
    return tensor.detach().clone(memory_format=torch.contiguous_format)

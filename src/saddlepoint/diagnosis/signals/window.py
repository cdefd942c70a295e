"""What the loop computed since the last row: outputs of the discriminator and losses."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from saddlepoint.diagnosis.roles import Call, per_image

SATURATED = 16.6
"""Beyond it, float32's sigmoid is 0 or 1."""
_KEPT = 512  # steps whose outputs are kept at most; of a longer window, the newest
_RANKED = 16  # steps that the auc is a mean over


class Window:
    """Keeps outputs and losses as they are, on the device; they are read at a look only."""

    def __init__(self) -> None:
        self.real: deque[Tensor] = deque(maxlen=_KEPT)
        self.fake: deque[Tensor] = deque(maxlen=_KEPT)
        self.pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=_RANKED)
        """Outputs for real and fake of one step."""
        self.loss_d: deque[Tensor | float] = deque(maxlen=_KEPT)
        self.loss_g: deque[Tensor | float] = deque(maxlen=_KEPT)
        self.n_real = 0
        self.whole: tuple[Tensor, Tensor] | None = None
        """The newest outputs for real and fake, before any mean over patches."""
        self.whole_g: Tensor | None = None
        """The newest outputs for the fakes of a generator's step."""

    def add(self, calls: list[Call]) -> None:
        """The calls that made one discriminator step, in their order."""
        real: list[Tensor] = []
        fake: list[Tensor] = []
        made = [call for call in calls if call.role == "fake"]
        # Where the loop calls the discriminator for both players' losses before any step.
        made = [call for call in made if not call.with_graph] or made[:1]
        plain = any(call.role == "real" and not call.with_graph for call in calls)
        for before, call in zip([None, *calls], calls, strict=False):
            if call.role == "real":
                # Real images twice on end: the second time they have wrong labels beside them.
                again = before is not None and before.role == "real"
                of_penalty = plain and call.with_graph  # R1 asks for a gradient
                if not again and not of_penalty:
                    real.append(call.outputs)
            elif call.role == "mixed":
                n, outputs = call.n_fake, call.outputs
                first, last = (
                    (outputs[:n], outputs[n:])
                    if call.fake_first
                    else (
                        outputs[-n:],
                        outputs[:-n],
                    )
                )
                fake.append(first)
                real.append(last)
        fake += [call.outputs for call in made]
        for side, found in ((self.real, real), (self.fake, fake)):
            if found:
                side.append(torch.cat([per_image(outputs) for outputs in found]))
        self.pairs.extend((per_image(a), per_image(b)) for a, b in zip(real, fake, strict=False))
        self.n_real += sum(len(outputs) for outputs in real)
        if real and fake:
            self.whole = (real[-1], fake[-1])

    def take(self) -> dict[str, float]:
        """The columns of everything since the last call."""
        columns: dict[str, float] = {}
        sides = [torch.cat(list(side)).float() for side in (self.real, self.fake) if side]
        if self.real and self.fake:
            real, fake = sides
            spread = torch.cat([real - real.mean(), fake - fake.mean()]).std(correction=0)
            columns["real_logit"], columns["fake_logit"] = float(real.mean()), float(fake.mean())
            columns["logit_spread"] = float(spread)
            if self.pairs:
                columns["auc"] = self._auc()
        if sides:
            both = torch.cat(sides)
            low, high = (float(bound) for bound in both.aminmax())
            columns["output_low"], columns["output_high"] = low, high
            columns["saturated"] = float((both.abs() > SATURATED).float().mean())
        for name in ("loss_d", "loss_g"):
            values = _numbers(getattr(self, name))
            if len(values):
                columns[name] = float(values.mean())
        if len(self.loss_g) > 1:
            columns["loss_g_spread"] = float(_numbers(self.loss_g).std(correction=0))
        self.real.clear()
        self.fake.clear()
        self.pairs.clear()
        self.loss_d.clear()
        self.loss_g.clear()
        return columns

    def _auc(self) -> float:
        """Each real output is compared with the fake ones of its own step, as later weights
        give other outputs."""
        return sum(auc(real, fake) for real, fake in self.pairs) / len(self.pairs)


def auc(higher: Tensor, lower: Tensor) -> float:
    """Probability that one of `higher` [n] is above one of `lower` [m]; ties count half."""
    a, b = higher.detach().float().unsqueeze(1), lower.detach().float().unsqueeze(0)
    return float((a > b).float().mean() + 0.5 * (a == b).float().mean())


def _numbers(values: deque[Tensor | float]) -> Tensor:
    """float64 [n], read from the device at once."""
    tensors = [v.detach().float().mean() for v in values if isinstance(v, Tensor)]
    floats = [float(v) for v in values if not isinstance(v, Tensor)]
    read = torch.stack(tensors).cpu().double() if tensors else torch.zeros(0).double()
    return torch.cat([read, torch.tensor(floats, dtype=torch.float64)])

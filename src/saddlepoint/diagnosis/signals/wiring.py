"""How a loop is wired, measured from its own calls and steps.

The doctor hands over what its hooks see; nothing here changes a number of the loop. Between two
looks only counters run; `watch()` before a step of a look makes the next calls remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.signals import wiring_loss
from saddlepoint.diagnosis.signals.wiring_calls import Call, Calls, Safely, per_image
from saddlepoint.diagnosis.signals.wiring_graph import batch_norms
from saddlepoint.diagnosis.signals.wiring_penalty import mark_between, penalty_columns
from saddlepoint.diagnosis.signals.wiring_probes import probe_columns
from saddlepoint.diagnosis.signals.wiring_steps import Player, Steps, ages

FIRST_LOOKS = (1, 3, 10, 30, 60, 100)
"""Steps of a run at which its wiring is looked at, whatever the usual interval."""


class WiringSignals:
    """Fills the columns under "How the loop is wired" and the two update ratios.

    The doctor calls `on_generator` and `on_discriminator` from its forward hooks (not for its own
    questions to the nets), `before_step` and `after_step` from the optimisers' hooks, `watch`
    before the iteration that a look shall measure, and `look` at the look. Watching goes on until
    both players have stepped: a generator that steps every fifth time is seen at a later look.

    Args:
        averaged: the net that samples come from, where it is not the generator itself.
        safely: calls a function with arguments so that what goes wrong does not reach the loop;
            hooks on tensors run in the middle of its backward passes.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        optim_g: torch.optim.Optimizer,
        optim_d: torch.optim.Optimizer,
        averaged: nn.Module | None = None,
        safely: Safely | None = None,
    ) -> None:
        nets: dict[Player, nn.Module] = {"d": discriminator, "g": generator}
        optimizers: dict[Player, torch.optim.Optimizer] = {"d": optim_d, "g": optim_g}
        self.generator = generator
        self.discriminator = discriminator
        self.averaged = averaged
        safely = safely if safely is not None else _plainly
        self.calls = Calls(generator, discriminator, safely)
        self.steps = Steps(nets, optimizers, self.calls, safely)
        self.watching = False
        self._first = ages(nets, optimizers)
        self._slopes: dict[str, list[tuple[Tensor, Tensor]]] = {}
        self._ended = ""
        self._evaluation: dict[str, list[bool]] = {"d": [], "g": []}
        self._statistics = _Statistics(averaged if averaged is not None else generator)
        self.watch()

    # -- what the hooks tell -----------------------------------------------------------------

    def watch(self) -> None:
        """Remember the calls and measure the steps from now to the next look."""
        self.watching = self.steps.close = True

    def go_on(self, at_once: bool) -> None:
        """A run that was watched from its start goes on: its columns are those of one never
        stopped, so nothing is asked of nets and optimisers that are old on purpose.

        Args:
            at_once: whether the next iteration is that of a look.
        """
        self._first = {}
        self.watching = self.steps.close = at_once

    def on_generator(self, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Any) -> None:
        """After each forward pass of the generator in the loop."""
        if self.watching:
            self.calls.on_generator(outputs)

    def on_discriminator(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Any
    ) -> None:
        """After each forward pass of the discriminator in the loop."""
        if self.watching:
            self.calls.on_discriminator(args, kwargs, outputs)

    def before_step(self, player: Player) -> None:
        """Before a step of the discriminator's ("d") or the generator's ("g") optimiser."""
        if self.watching:
            self._read_slopes(player)
        self.steps.before(player)

    def after_step(self, player: Player) -> None:
        self.steps.after(player)
        if self.watching and all(each.measured for each in self.steps.players.values()):
            self.watching = self.steps.close = False

    def detach(self) -> None:
        self.steps.detach()

    # -- the look ----------------------------------------------------------------------------

    def look(self, ask: bool = True) -> dict[str, float]:
        """The columns since the last look; a question that had no answer is left out.

        Args:
            ask: also ask the discriminator about changed images, which costs seven passes.
        """
        calls = list(self.calls.seen)
        mark_between(calls)
        columns = {**self._first, **self.steps.columns(), **self.steps.holdings()}
        self._first = {}
        columns["batch_norm_d"] = float(len(list(batch_norms(self.discriminator))))
        plain = [call for call in calls if not call.between]
        if plain:
            columns |= penalty_columns(calls)
            columns["mixed_batch"] = float(any(call.mixed for call in plain))
            columns |= self._ranges(plain)
            columns |= self._ends(plain)
            columns |= self._probes(plain) if ask else {}
        columns |= self._losses()
        for player, seen in self._evaluation.items():
            if seen:
                columns[f"eval_mode_{player}"] = sum(seen) / len(seen)
        if self.averaged is not None or columns["steps_g"]:
            columns |= self._statistics.columns()
        self._slopes, self._evaluation = {}, {"d": [], "g": []}
        self.calls.forget()
        return columns

    def _read_slopes(self, player: Player) -> None:
        """Sort the slopes that came since the last step by role."""
        since = self.steps.last_step
        mark_between(self.calls.seen)
        fresh = [c for c in self.calls.seen if any(moment > since for moment, _ in c.slopes)]
        detached = any(call.fake.all() and not call.attached for call in fresh)
        for call in fresh:
            if call.between or (player == "d" and call.attached and detached):
                continue  # of a penalty; or the generator's loss was sent back before this step
            slope = next(s for moment, s in call.slopes if moment > since)
            n = len(call.images)
            if slope.numel() % n:
                continue
            outputs, slopes = per_image(call.outputs, n), per_image(slope, n)
            self._ended = call.last or self._ended
            if player == "d":
                self._evaluation["d"].append(call.evaluation)
            elif call.attached:
                self._evaluation["g"].append(call.maker_in_evaluation)
            for role, rows in (("real", ~call.fake), ("fake", call.fake)):
                if rows.any():
                    pairs = self._slopes.setdefault(f"{role}_{player}", [])
                    pairs.append((outputs[rows], slopes[rows]))

    def _losses(self) -> dict[str, float]:
        """What the losses do to the outputs."""
        fake, made = self._pair("fake_d"), self._pair("fake_g")
        real = self._pair("real_d") if fake is None else self._real_against(fake)
        columns: dict[str, float | None] = {}
        if self._ended == "sigmoid":
            if real is not None and fake is not None:
                raw = wiring_loss.expects_logits(real, fake)
                columns["expects_logits"] = None if raw is None else float(raw)
            pairs = (real, fake, made)
            real, fake, made = (p and wiring_loss.before_sigmoid(p) for p in pairs)
        if real is not None and fake is not None:
            names = (
                "logit_gradient_sign_real_d",
                "logit_gradient_sign_fake_d",
                "logit_gradient_sign_fake_g",
            )
            columns |= dict(zip(names, wiring_loss.pushes(real, fake, made), strict=True))
        if made is not None:
            up = -1.0 if (columns.get("logit_gradient_sign_real_d") or 1.0) < 0 else 1.0
            reals = None if real is None else real[0]
            columns["flat_share"] = wiring_loss.flat_share(made, reals, up)
        return {name: value for name, value in columns.items() if value is not None}

    def _real_against(self, fake: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor] | None:
        """The newest call with real images; an earlier one if the newest is pushed as the fakes are
        and that one is not: a loop that shows real images beside a wrong label too pushes those
        down on purpose."""
        pairs = self._slopes.get("real_d", [])
        down = float(fake[1].mean())
        if not pairs or float(pairs[-1][1].mean()) * down <= 0:
            return pairs[-1] if pairs else None
        apart = [pair for pair in pairs if float(pair[1].mean()) * down < 0]
        return apart[-1] if apart else pairs[-1]

    def _pair(self, role: str) -> tuple[Tensor, Tensor] | None:
        """The last (outputs [n], slopes [n]) of a role."""
        pairs = self._slopes.get(role)
        return pairs[-1] if pairs else None

    def _ranges(self, calls: list[Call]) -> dict[str, float]:
        columns = {}
        for role in ("real", "fake"):
            parts = [
                self.calls.pixels(c)[c.fake if role == "fake" else ~c.fake]
                for c in calls
                if bool((c.fake if role == "fake" else ~c.fake).any())
            ]
            if parts:
                columns[f"{role}_low"] = float(min(part.min() for part in parts))
                columns[f"{role}_high"] = float(max(part.max() for part in parts))
        reaches = [call.reach for call in calls if call.reach is not None]
        if reaches:
            columns["reach_low"], columns["reach_high"] = reaches[-1]
        return columns

    def _ends(self, calls: list[Call]) -> dict[str, float]:
        lasts = [call.last for call in calls if call.last is not None]
        return {"sigmoid_end": float(lasts[-1] == "sigmoid")} if lasts else {}

    def _probes(self, calls: list[Call]) -> dict[str, float]:
        reals = [call for call in calls if not call.fake.any()]
        fakes = [call for call in calls if call.fake.all()]
        if not reals or not fakes:
            return {}
        return probe_columns(self.discriminator, reals[-1], fakes[-1])


def _plainly(action: Callable[..., None], *args: Any) -> None:
    action(*args)


class _Statistics:
    """Whether the running statistics of the net that samples come from follow its weights."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.before = self._now()

    def columns(self) -> dict[str, float]:
        (weights, means), (weights_before, means_before) = self._now(), self.before
        self.before = (weights, means)
        if not means or torch.equal(weights, weights_before):
            return {}
        still = [torch.equal(a, b) for a, b in zip(means, means_before, strict=True)]
        return {"stale_statistics": sum(still) / len(still)}

    def _now(self) -> tuple[Tensor, list[Tensor]]:
        weights = [p.detach().float().sum() for p in self.net.parameters()]
        means: list[Tensor] = [
            layer.running_mean.detach().clone()  # type: ignore[union-attr, operator]  # a buffer
            for layer in batch_norms(self.net)
            if getattr(layer, "running_mean", None) is not None
        ]
        return torch.stack(weights) if weights else torch.zeros(0), means

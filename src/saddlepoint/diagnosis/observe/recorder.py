"""From hooks to the trace: every call of the nets and every step of the optimisers of a loop.

Two levels of attention. A step that is *listened to* keeps its calls with their outputs. A step
that is watched *closely* also keeps what the losses send back through them, and what each optimiser
moves; that lasts from the start of a check's step until both players have stepped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from saddlepoint.diagnosis.observe import graph, hooks
from saddlepoint.diagnosis.observe.hooks import Safety
from saddlepoint.diagnosis.observe.inputs import Inputs, images_among, images_of, logits_of
from saddlepoint.diagnosis.observe.roles import Roles, judged_again
from saddlepoint.diagnosis.observe.steps import Steps
from saddlepoint.diagnosis.observe.trace import PENDING, Call, Made, Player, Trace
from saddlepoint.diagnosis.schedule import Plan

N_LATENTS = 64
"""How many of the loop's own latents are kept."""


class Recorder:
    """Fills a trace; changes nothing in the loop.

    Attributes:
        plan: what the step under way is to the doctor.
        closely: its calls are remembered with what comes back, and its steps are measured.
    """

    def __init__(
        self,
        nets: Mapping[Player, nn.Module],
        optimizers: Mapping[Player, torch.optim.Optimizer],
        roles: Roles,
        safely: Safety,
        plan: Plan,
    ) -> None:
        self.closely = True  # the first step shows what is wrong before anything was learned
        self.expect(plan)
        self.trace = Trace()
        self.roles = roles
        self.safely = safely
        self._nets = nets
        self._norms = {player: graph.learning_norms(net) for player, net in nets.items()}
        self._steps = Steps(nets, self.trace)
        self._images_per_step = 0
        self._ends = [
            hooks.watch_calls(nets["g"], self._on_generator),
            hooks.watch_calls(nets["d"], self._on_discriminator),
        ]
        # A gradient is heard of at the largest weight of each net, before it is added.
        self._largest: dict[Player, nn.Parameter] = {}
        for player, optimizer in optimizers.items():
            self._ends.append(
                hooks.watch_steps(optimizer, self._before_step, self._after_step, player)
            )
            trainable = [p for p in nets[player].parameters() if p.requires_grad]
            if trainable:
                weight = self._largest[player] = max(trainable, key=lambda p: p.numel())
                self._ends.append(hooks.watch_gradient(weight, self._on_arrival, player))

    def expect(self, plan: Plan) -> None:
        """What the next step is."""
        self.plan = plan
        # Once begun, it lasts until both players have stepped: a generator that steps every fifth
        # time is seen at a later check.
        self.closely = self.closely or plan.asks

    def end_step(self, loss_d: Tensor | float | None, loss_g: Tensor | float | None) -> int:
        """An iteration of the loop is over, with these losses; returns the real images it showed.

        A step that was not listened to counts as many as the last one that was.
        """
        self.trace.close_step()  # where the discriminator's optimiser did not step
        if self.plan.listens or self.closely:
            self._images_per_step, self.trace.n_real = self.trace.n_real, 0
        for name, loss in (("loss_d", loss_d), ("loss_g", loss_g)):
            if loss is not None:
                self.trace.losses[name].append(loss)
        return self._images_per_step

    def end_check(self) -> None:
        """What was recorded has been read."""
        self.roles.end_check()
        self.trace.clear()

    def detach(self) -> None:
        """Remove all hooks."""
        for end in self._ends:
            end()
        self._ends = []

    # -- calls of the nets ---------------------------------------------------------------------

    def _on_generator(self, _: Any, args: tuple, kwargs: dict, output: Any) -> None:
        if not (self.plan.listens or self.closely):
            return
        # Copies, because a loop may fill one buffer with its latents or labels again and again.
        inputs = tuple(a.detach().clone() if isinstance(a, Tensor) else a for a in args)
        kept = self.trace.latents
        is_usual = bool(args) and isinstance(args[0], Tensor) and not kwargs
        if is_usual and sum(len(z) for z, *_ in kept) < N_LATENTS:
            kept.append(inputs)
        images = images_of(output)
        if images is None:
            return
        made = Made(images.detach(), inputs)
        if self.closely:
            made.last = graph.last_operation(images, self._nets["g"])
            made.evaluation = graph.evaluates(self._norms["g"])
        self.roles.remember(made, images)

    def _on_discriminator(self, _: Any, args: tuple, kwargs: dict, output: Any) -> None:
        if not (self.plan.listens or self.closely) or not torch.is_grad_enabled():
            return  # without gradients it is not part of training
        trace = self.trace
        shapes = {made.images.shape[1:] for made in self.roles.made}
        images = images_among([*args, *kwargs.values()], shapes)
        outputs = None if images is None else logits_of(output, len(images))
        if images is None or outputs is None:
            return
        origin = self.roles.of(images, trace.pending)
        call = Call(
            inputs=Inputs.of(images, args, kwargs),
            outputs=outputs.detach(),
            role=origin.role,
            maker=origin.maker,
            fakes=origin.fakes,
            with_graph=images.requires_grad,
            attached=images.grad_fn is not None and origin.maker is not None,
            version=0 if images.is_inference() else images._version,
        )
        if origin.maker is not None and origin.role != "between":
            origin.maker.judged = True
        if origin.role == "real":
            reals = [c for c in trace.pending if c.role == "real"]
            call.again = any(judged_again(images, earlier) for earlier in reals)
            if self.plan.probes and not call.again:
                trace.newest_real = call.images
        trace.newest_inputs = call.inputs
        trace.pending = [*trace.pending[-PENDING:], call]
        # Of packed images no output belongs to one image: the loss cannot be followed to it.
        if self.closely and outputs.requires_grad and len(outputs) == len(images):
            self._watch(call, images, outputs)

    def _watch(self, call: Call, images: Tensor, outputs: Tensor) -> None:
        """Remember a call closely: how both nets end, and what comes back through it."""
        self.trace.calls.append(call)
        call.evaluation = graph.evaluates(self._norms["d"])
        call.last = graph.last_operation(outputs, self._nets["d"])
        call.reach = _reach(call, images)
        hooks.watch_gradient(outputs, self._on_slope, call)
        if images.requires_grad:
            hooks.watch_gradient(images, self._on_input_gradient, call)

    # -- gradients -----------------------------------------------------------------------------

    def _on_slope(self, call: Call, slope: Tensor) -> None:
        # With a graph it is a penalty that asks for the gradient, and no loss.
        if not torch.is_grad_enabled():
            call.slopes.append((self.trace.tick(), slope.detach().clone()))

    def _on_input_gradient(self, call: Call, gradient: Tensor) -> None:
        if torch.is_grad_enabled():
            call.input_gradient, call.graph_kept = gradient.detach(), True
            if gradient.requires_grad:
                hooks.watch_gradient(gradient, self._on_pull, call)
        elif call.input_gradient is None and not call.attached:
            call.input_gradient = gradient.detach()

    def _on_pull(self, call: Call, pull: Tensor) -> None:
        call.pull = pull.detach().clone()

    def _on_arrival(self, player: Player, gradient: Tensor) -> None:
        if self.closely:
            there = self._largest[player].grad
            norms = 0.0 if there is None else float(there.norm()), float(gradient.norm())
            self.trace.arrivals[player].append((self.trace.tick(), *norms))

    # -- steps of the optimisers ---------------------------------------------------------------

    def _before_step(self, player: Player, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self.plan.due or self.closely:
            self._steps.before(player, optimizer, self.closely)

    def _after_step(self, player: Player, *_: Any) -> None:
        trace = self.trace
        self._steps.after(player)
        if self.closely and trace.measured("d") and trace.measured("g"):
            self.closely = False
        if player == "d":
            trace.close_step()
        else:
            # A loop may call for both losses first: what is the discriminator's stays.
            trace.pending = [c for c in trace.pending if c.role != "fake" or not c.with_graph]


def _reach(call: Call, images: Tensor) -> tuple[float, float] | None:
    """What the last operation before the discriminator can give to the fakes of a call."""
    last = None
    if call.maker is not None and torch.equal(call.images, call.maker.images):
        last = call.maker.last
    elif call.maker is not None and images.grad_fn is not None:
        # Something lies between the two nets: its end counts.
        last = graph.last_operation(images, nn.Identity())
    return graph.REACH.get(last or "")

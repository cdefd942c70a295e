"""A preset's step written out by hand for one purpose: to be one CUDA graph and nothing else.

What bench/gpu.py holds our training against: the same nets, losses, penalties, optimisers, average
and batches, but no metrics, no schedules, no seed a step, no doctor and no way to resume; batches
and latents are drawn inside the graph. Nothing of saddlepoint.training.steps is used. Where there
is no GPU the same step runs without a graph.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset, Penalty
from saddlepoint.training.optimizers import keep_on_device

EMA_WEIGHT = 0.005
Due = tuple[tuple[Penalty, ...], ...]


class BareStep:
    """Call `advance` for one step of both players; `n_steps` counts them."""

    def __init__(self, config: Config, dataset: Dataset) -> None:
        self.config, self.n = config, config.train.batch_size
        self.device = torch.device(config.train.device)
        self.images = torch.tensor(dataset.images, device=self.device)
        conditional = config.arch.conditioning != "none"
        self.labels = torch.tensor(dataset.labels, device=self.device) if conditional else None
        made, judge = config.arch.generator(dataset.spec), config.arch.discriminator(dataset.spec)
        layout = torch.channels_last
        # The overloads of Module.to in torch's stubs lack memory_format alone.
        self.g = made.to(self.device).to(memory_format=layout)  # type: ignore[call-overload]
        self.d = judge.to(self.device).to(memory_format=layout)  # type: ignore[call-overload]
        self.ema = copy.deepcopy(self.g).requires_grad_(False)
        self.optim_g = keep_on_device(config.optim_g.build(self.g.parameters()))
        self.optim_d = keep_on_device(config.optim_d.build(self.d.parameters()))
        self.n_steps = 0
        self.graphs: dict[Due, torch.cuda.CUDAGraph] = {}

    def advance(self) -> None:
        n_critic = self.config.train.n_critic
        turns = range(self.n_steps * n_critic, (self.n_steps + 1) * n_critic)
        due = tuple(tuple(p for p in self.config.penalties if t % p.every == 0) for t in turns)
        self.n_steps += 1
        if self.device.type != "cuda":
            self._step(due)
            return
        if due not in self.graphs:
            for _ in range(3):
                self._step(due)
            self.graphs[due] = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graphs[due], stream=torch.cuda.current_stream()):
                self._step(due)
        self.graphs[due].replay()

    def _step(self, due: Due) -> None:
        config = self.config
        real, labels, z = self._batch()
        fake = real_logits = real
        for turn, penalties in enumerate(due, 1):
            last = turn == len(due)
            if turn > 1:
                real, labels, z = self._batch()
            with self._autocast(), torch.set_grad_enabled(last):
                fake = self.g(z, labels)
            self.optim_d.zero_grad()
            with self._autocast():
                real_logits, fake_logits, slopes = self._judge(real, fake, labels, penalties)
                loss = config.loss.discriminator(real_logits, fake_logits).mean()
                for penalty in penalties:
                    if penalty.side in slopes:
                        term = penalty.of_slopes(slopes[penalty.side])
                    else:
                        term = penalty(self.d, real, fake.detach(), labels)
                    loss = loss + penalty.every * term.mean()
            loss.backward()
            self.optim_d.step()
            config.loss.constrain(self.d)
        self.d.requires_grad_(False)
        self.optim_g.zero_grad()
        with self._autocast():
            logits = self.d(fake, labels).float()
            loss = config.loss.generator(logits, real_logits.detach()).mean()
        loss.backward()
        self.optim_g.step()
        self.d.requires_grad_(True)
        self._average()

    def _batch(self) -> tuple[Tensor, Tensor | None, Tensor]:
        index = torch.randint(len(self.images), (self.n,), device=self.device)
        real = self.images.index_select(0, index).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        labels = None if self.labels is None else self.labels.index_select(0, index)
        return real, labels, torch.randn(self.n, self.g.latent_dim, device=self.device)

    def _judge(
        self, real: Tensor, fake: Tensor, labels: Tensor | None, penalties: tuple[Penalty, ...]
    ) -> tuple[Tensor, Tensor, dict[str | None, Tensor]]:
        """Both in one call where the net allows it, with the slopes that R1 and R2 are of."""
        if not self.d.per_image or self.config.train.wrong_label_fraction:
            logits = self.d(real, labels).float()
            return logits, self._fake_logits(real, fake.detach(), labels), {}
        images = torch.cat([real, fake.detach()])
        twice = None if labels is None else labels.repeat(2)
        if len({p.side for p in penalties} - {None}) < 2:
            return *self.d(images, twice).float().chunk(2), {}
        images.requires_grad_(True)
        logits = self.d(images, twice).float()
        (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        real_slopes, fake_slopes = slopes.flatten(1).chunk(2)
        return *logits.chunk(2), {"real": real_slopes, "fake": fake_slopes}

    def _fake_logits(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor:
        n_wrong = int(self.config.train.wrong_label_fraction * self.n)
        if labels is None or n_wrong == 0:
            return self.d(fake, labels).float()
        shift = torch.randint(1, self.d.n_classes, (n_wrong,), device=self.device)
        wrong = (labels[:n_wrong] + shift) % self.d.n_classes
        logits = (self.d(real[:n_wrong], wrong), self.d(fake[n_wrong:], labels[n_wrong:]))
        return torch.cat(logits).float()

    @torch.no_grad()
    def _average(self) -> None:
        pairs = zip(
            (*self.ema.parameters(), *self.ema.buffers()),
            (*self.g.parameters(), *self.g.buffers()),
            strict=True,
        )
        floats = [(kept, new) for kept, new in pairs if kept.is_floating_point()]
        kept, new = (list(side) for side in zip(*floats, strict=True))
        torch._foreach_lerp_(kept, new, EMA_WEIGHT)  # pyright: ignore[reportPrivateImportUsage]

    def _autocast(self) -> torch.autocast:
        bf16 = self.config.train.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=bf16)

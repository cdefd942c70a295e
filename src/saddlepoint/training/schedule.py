"""When metrics, pictures and probes are due, and how far the schedules are: functions of the
configuration and of images alone, so that a resumed run does the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from saddlepoint.core.config import Config, Train

STEPS_PER_PROBE = 60
"""The doctor's batches cost as much as one or two steps: this rarely, less than 3 %."""


@dataclass(frozen=True)
class Schedule:
    """Intervals in images; where the configuration says 0 the budget decides."""

    images_per_step: int
    tick: int
    sample: int
    probe: int

    @classmethod
    def of(cls, config: Config) -> Schedule:
        """The intervals of a configuration whose budget is known."""
        train = config.train
        automatic_tick = max(1000, round(train.total_images / 100, -3))
        tick = round(train.tick_kimg * 1000) or automatic_tick
        sample = round(train.sample_kimg * 1000) or max(tick, round(train.total_images / 10, -3))
        images_per_step = train.batch_size * train.n_critic
        # A whole number of ticks: the results of a probe are columns of a tick's line.
        ticks = -(-STEPS_PER_PROBE * images_per_step // int(tick))
        probe = round(config.doctor.probe_kimg * 1000) or ticks * tick
        return cls(images_per_step, int(tick), int(sample), int(probe))

    def samples_due(self, before: int, n_images: int) -> bool:
        """Whether this step made the first tick at or after a multiple of `sample`."""
        # Whole ticks on both sides: a step seldom crosses both a tick and a multiple of `sample`.
        ticked, was_ticked = n_images // self.tick * self.tick, before // self.tick * self.tick
        return crossed(was_ticked, ticked, self.sample)


def crossed(before: int, n_images: int, every: int) -> bool:
    """True when the step from `before` to `n_images` reached or passed a multiple of `every`."""
    return n_images // every > before // every


def progress(config: Config, n_images: int) -> float:
    """Share of the schedules that is done, in [0, 1]: what learning rates and noise go by.

    A run that is extended keeps the schedule it had, so it goes on at the final learning rate:
    dividing by the new budget would throw the rate back up in the middle of a trained pair.
    """
    return min(1.0, n_images / config.train.schedule_images)


def extended(train: Train, kimg: float, minutes: float | None, stretch: bool) -> Train:
    """`train` with a new budget of `kimg`; its schedules stay as long as they are, or are stretched
    over the new budget."""
    schedule = 0.0 if stretch else train.schedule_kimg or train.kimg
    kept = 0.0 if schedule == kimg else schedule
    return replace(train, kimg=kimg, minutes=minutes or 0, schedule_kimg=kept)

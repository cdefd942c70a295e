"""The loop: linear, on one page, counted in images."""

from __future__ import annotations

import time
from functools import partial

from torch import Tensor

from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Batch, Dataset
from saddlepoint.core.errors import Interrupted, OutOfMemory, is_memory
from saddlepoint.core.randomness import derive_seed, seed_torch
from saddlepoint.core.ranks import here, together
from saddlepoint.core.runs import Run
from saddlepoint.core.snapshot_names import snapshot_name
from saddlepoint.data.loader import DeviceData
from saddlepoint.training import checkpoint, steps
from saddlepoint.training.attending import Attending
from saddlepoint.training.graphs import Graphs
from saddlepoint.training.interrupt import StopRequest
from saddlepoint.training.moment import Moment
from saddlepoint.training.monitor import Monitor
from saddlepoint.training.rows import fail_unless_finite, tick_row
from saddlepoint.training.schedule import Schedule, crossed, progress
from saddlepoint.training.scoring import CHEAP
from saddlepoint.training.snapshots import Snapshots
from saddlepoint.training.stages import Stage
from saddlepoint.training.state import TrainState
from saddlepoint.training.sums import Sums
from saddlepoint.training.threads import SharedCores

SHARED = (
    "Other programs use this machine's cores. Threads share them as well as they can without "
    "changing the weights; a run that starts with --threads 1 may be faster beside them."
)


def train(
    run: Run,
    stage: Stage,
    dataset: Dataset,
    state: TrainState,
    monitor: Monitor,
    stop: StopRequest,
) -> None:
    """Train from `state` to the end of a budget, writing the run folder on the way.

    Every checkpoint is of a tick. A stop between two ticks saves the last one: the next line of
    metrics, and what the doctor makes of it, are then those of a run that was never stopped.

    Args:
        stage: its configuration has device and precision resolved.
        state: new, or loaded from a checkpoint; changed in place.

    Raises:
        Interrupted: Ctrl-C, SIGTERM or a stop request, after saving.
        NotFinite: a value is not finite; the last checkpoint is intact.
        OutOfMemory: a step needs more memory than there is. The state is that of the last tick
            again, and saved; of several ranks it is left as it is.
        OSError: the disk is full or gone; the last checkpoint is intact.
        FoundUnhealthy: a fatal finding, where config.doctor.mode is treat.
    """
    ranks = here()
    config, since = stage.config, stage.begun_at
    total = config.train.total_images
    schedule = Schedule.of(config)
    data = DeviceData(dataset, config.train.device, config.seed)
    snapshots = Snapshots(run, config, dataset, data)
    scorer = snapshots.scorer
    sums = Sums()
    begin_together(state)
    doctor = Attending(run, config, dataset, data, state, schedule, monitor)
    graphs = Graphs.of(state, config, doctor.paused)
    rows = run.history.rows
    # Seconds go on from the last line: a resumed run is one run.
    seconds_before = rows[-1].get("seconds", 0.0) if rows else 0.0
    started = tick_started = last_saved = time.monotonic()
    tick_images = state.n_images
    # Killed after the checkpoint at which patience ended: only the end is missing.
    scored = since is not None and bool(rows) and CHEAP in rows[-1]
    done = state.n_images >= total or (scored and scorer.exhausted(rows, since or 0))
    if done and stage.is_last:
        run.write_status("finished", state.n_images, findings=doctor.names)
    done = ranks.told(done)

    # The last tick, and whether it has to be saved: the state came from a checkpoint, or is new and
    # a function of the configuration.
    kept, unsaved = Moment.of(state), False

    with (
        SharedCores(config.train) as cores,
        doctor,
        monitor.watch(config, dataset, run, state.n_images),
    ):
        # The untrained generator too: it is the first frame of the film.
        if state.n_images == 0:
            snapshots.reals()
            snapshots.grid(state, snapshot_name(0, 1))
        while not done:
            if ranks.any(stop.requested):
                monitor.say("Saving; press Ctrl-C again to stop at once.")
                if unsaved:
                    checkpoint.save(run, kept, config, dataset, None)
                run.write_status("interrupted", kept.n_images, findings=doctor.names)
                raise Interrupted(
                    f"Saved at {kept.n_images:,} images."
                    if kept.n_images
                    else "There was nothing to save yet."
                )

            # One step: n_critic discriminator steps, one generator step, the average.
            before = state.n_images
            # Steps that the doctor checks run eagerly: no hook runs in a replayed one.
            outcome = attempt(state, config, data, sums, graphs, doctor.is_due)
            if isinstance(outcome, str):
                kept.put_back(state)
                if unsaved:
                    checkpoint.save(run, kept, config, dataset, None)
                raise OutOfMemory(outcome)
            real, fake = outcome
            doctor.step(state, sums)
            monitor.step(state.n_images)
            if cores.check():
                monitor.say(SHARED)
            done = state.n_images >= total
            if not (done or crossed(before, state.n_images, schedule.tick)):
                continue

            # A tick: the one synchronisation with the device. A line of metrics with the means
            # since the last one and the doctor's columns.
            row = tick_row(state, config, real, fake, sums) | doctor.row
            now = time.monotonic()
            row["seconds"] = round(seconds_before + now - started, 3)
            rate = (state.n_images - tick_images) / max(1e-9, now - tick_started)
            row["images_per_second"] = round(rate, 1)
            row["core_queue"] = round(cores.queued, 3)
            # Before anything is saved: a checkpoint of NaN would replace one that can be continued.
            fail_unless_finite(row, run)
            requests = run.take_control()
            if requests.get("stop"):
                stop.ignore()

            # Pictures and checkpoints: on schedule, on request, and by the clock.
            name = snapshot_name(state.n_images, schedule.images_per_step)
            due = done or schedule.samples_due(before, state.n_images)
            if due or requests.get("sample"):
                monitor.sampled(snapshots.grid(state, name))
            overdue = time.monotonic() - last_saved > 60 * config.train.checkpoint_minutes
            saving = due or overdue or bool(requests.get("save"))
            # Scores follow the schedule alone: which checkpoint is the best must not depend on
            # the clock, nor on when a picture was asked for.
            if due:
                row |= scorer.score(state)
            # The line comes before the checkpoint: after a kill between the two, a resume drops
            # the line and writes it again; in the other order it would be lost.
            run.append_metrics(row)
            doctor.raise_if_fatal()
            kept, unsaved = Moment.of(state), not saving
            if saving:
                checkpoint.save(run, kept, config, dataset, scorer.rank(row) if due else None)
                last_saved = time.monotonic()
            # Read from the file, so that a resumed run counts the scores from before the stop.
            done = ranks.told(done or (due and scorer.exhausted(run.history.rows, since or 0)))
            monitor.tick(row)
            ended = "finished" if done and stage.is_last else "running"
            run.write_status(ended, state.n_images, findings=doctor.names)
            # From here on: the rate is of training, without pictures, scores and checkpoints.
            tick_started, tick_images = time.monotonic(), state.n_images


def begin_together(state: TrainState) -> None:
    """All ranks begin with the weights of rank 0: another processor's may differ in bits."""
    here().broadcast([t for net in state.nets.values() for t in net.state_dict().values()])


def attempt(
    state: TrainState,
    config: Config,
    data: DeviceData,
    sums: Sums,
    graphs: Graphs | None = None,
    watched: bool = False,
) -> tuple[Batch, Tensor] | str:
    """As `iterate`; what the allocator said where the step needs more memory than there is.

    Not an exception: one holds the tensors of the step that it broke off. Of several ranks the
    others would wait for this one, so there it is one, and all of them end.
    """
    try:
        return iterate(state, config, data, sums, graphs, watched)
    except (MemoryError, RuntimeError) as error:
        if not is_memory(error):
            raise
        said = str(error).partition("\n")[0] or type(error).__name__
        if here().size > 1:
            raise OutOfMemory(said) from error
        return said


def iterate(
    state: TrainState,
    config: Config,
    data: DeviceData,
    sums: Sums,
    graphs: Graphs | None = None,
    watched: bool = False,
) -> tuple[Batch, Tensor]:
    """One step: n_critic turns of the discriminator, the generator's and the average's in the last.

    Args:
        graphs: replays turns where it can; without it every kernel is launched from Python.
        watched: a step that the doctor checks; it is not replayed.

    Returns:
        The last real batch and the images generated with it, valid until the next step.
    """
    train = config.train
    # Dropout, augmentation and noise draw from torch's own generator. Seeded again at every step,
    # they are functions of the step, and a checkpoint saves no generator state.
    seed_torch(derive_seed(config.seed, "step", state.n_images))
    set_optimizers(state, config)
    eager = partial(steps.turn, state, config, watched=watched)
    turn = eager if graphs is None or watched else graphs.turn
    outcome = None
    for critic in range(train.n_critic):
        # Lazy penalties count turns of the discriminator: there are n_critic in a step.
        due = steps.penalties_due(config, state.n_steps * train.n_critic + critic)
        is_last = critic == train.n_critic - 1
        with together(here()):
            outcome = turn(steps.draw(state, config, data), due, is_last)
        sums.add_row(outcome.names, outcome.values)
        state.n_images += train.batch_size
    assert outcome is not None
    state.n_steps += 1
    return outcome.real, outcome.fake


def set_optimizers(state: TrainState, config: Config) -> None:
    """Learning rates and Adam's decays are functions of `progress` alone, so a resumed run has the
    same ones."""
    done = progress(config, state.n_images)
    for optimizer, schedule in ((state.optim_g, config.optim_g), (state.optim_d, config.optim_d)):
        for group in optimizer.param_groups:
            rate, betas = schedule.lr_at(done), schedule.betas_at(done)
            if betas is not None:
                group["betas"] = betas
            if not isinstance(group["lr"], Tensor):
                group["lr"] = rate
            elif group.get("filled") != rate:
                group["lr"].fill_(rate)  # recorded kernels read this very tensor
                group["filled"] = rate

"""Training itself, from a state to the end of its budget and its page, whoever begins it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from saddlepoint.api.run import Run, report_fault
from saddlepoint.core.config import Config
from saddlepoint.core.contracts import Dataset
from saddlepoint.core.errors import Interrupted
from saddlepoint.core.streams import tell
from saddlepoint.exporting.contract import Tracker
from saddlepoint.exporting.following import followed
from saddlepoint.training import treatment
from saddlepoint.training.monitor import Monitor
from saddlepoint.training.state import TrainState


def carry_out(
    run: Run,
    config: Config,
    dataset: Dataset,
    state: TrainState,
    monitor: Monitor,
    shown: Tracker | None,
) -> None:
    """Train to the end of the budget and write the page; status.json records whatever ends it."""
    run.take_control()  # what was asked of a process that has ended
    try:
        with recorded_end(run, state):
            run.write_status("running", state.n_images)
            with followed(run, shown, monitor):
                treatment.train(run, config, dataset, state, monitor)
    except (Interrupted, treatment.GivenUp):
        if fault := report_fault(run):
            tell(f"warning: {fault}")
        raise
    if fault := report_fault(run):
        raise fault


@contextlib.contextmanager
def recorded_end(run: Run, state: TrainState) -> Iterator[None]:
    """Whatever ends the block while status.json says that the run goes on is written there."""
    try:
        yield
    except BaseException as error:  # of any kind, and raised again
        if run.status.get("state") == "running":
            with contextlib.suppress(OSError):
                if isinstance(error, KeyboardInterrupt):  # outside the loop, which saves first
                    run.write_status("interrupted", state.n_images)
                else:
                    reason = f"{type(error).__name__}: {error}"
                    run.write_status("failed", state.n_images, error=reason)
        raise

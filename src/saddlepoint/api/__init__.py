"""The verbs as plain functions, called by the command line and by notebooks."""

from saddlepoint.api.again import commands_again
from saddlepoint.api.data import prepare, shard
from saddlepoint.api.models import directions, nearest, project, sample, training_film
from saddlepoint.api.resuming import resume
from saddlepoint.api.run import Run, compare, evaluate, report
from saddlepoint.api.sweeping import sweep
from saddlepoint.api.training import configure, n_parameters, train, warm_start
from saddlepoint.exporting.export import export, tracker
from saddlepoint.training.guards import check_budget

__all__ = [
    "Run",
    "check_budget",
    "commands_again",
    "compare",
    "configure",
    "directions",
    "evaluate",
    "export",
    "n_parameters",
    "nearest",
    "prepare",
    "project",
    "report",
    "resume",
    "sample",
    "shard",
    "sweep",
    "tracker",
    "train",
    "training_film",
    "warm_start",
]

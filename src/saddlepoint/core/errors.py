"""What a verb can end with, and the exit code of each."""


class InputError(Exception):
    """Bad usage or bad input: one sentence that says what is wrong, where, and what to do.

    The command line prints it without a traceback and exits with code 2.
    """


class RunFailed(Exception):
    """A run that started and cannot go on, such as no space left or a value that is not finite.

    The command line prints it without a traceback and exits with code 1.
    """


class Interrupted(Exception):
    """Ctrl-C or SIGTERM, after saving; exit code 130."""


class Unhealthy(Exception):
    """`saddle doctor` found something wrong with a run, and has said so; exit code 3."""

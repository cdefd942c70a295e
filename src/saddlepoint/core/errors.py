"""The two kinds of failure a user meets, and the exit code each one has."""


class InputError(Exception):
    """Bad usage or bad input: one sentence that says what is wrong, where, and what to do.

    The command line prints it without a traceback and exits with code 2.
    """


class RunFailed(Exception):
    """A run that started and could not go on (no space left, a value that is not finite).

    The command line prints it without a traceback and exits with code 1.
    """


class Interrupted(Exception):
    """Ctrl-C or SIGTERM, after everything was saved; exit code 130."""


class Unhealthy(Exception):
    """`saddle doctor` found something wrong with a run, and has said so; exit code 3."""

"""What a loop does, recorded as it happens: hooks, one trace of calls and steps, nothing measured."""

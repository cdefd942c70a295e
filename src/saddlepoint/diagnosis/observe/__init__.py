"""What a loop does, recorded as it happens: hooks, and one trace of calls and steps."""

"""From a run or its weights to files that other programs read."""

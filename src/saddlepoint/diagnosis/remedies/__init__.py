"""One file for each remedy; found by the folder scan. Each detector names its own, best first."""

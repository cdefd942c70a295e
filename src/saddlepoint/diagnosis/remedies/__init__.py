"""One file for each remedy; found by the folder scan. Their order stands in the detectors."""

"""One file for each failure; found by the folder scan."""

"""One file a source; found by the folder scan."""

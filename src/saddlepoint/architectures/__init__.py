"""One file a family of nets; found by the folder scan."""

"""One file a family of objectives or penalties; found by the folder scan."""

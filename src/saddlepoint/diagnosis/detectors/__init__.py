"""One file a failure."""

"""Networks whose features are compared, one file each."""

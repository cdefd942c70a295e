"""What a trace and the probe batches say: pure functions, one question a file."""

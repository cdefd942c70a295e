"""The loop, its steps, its state, its checkpoints."""

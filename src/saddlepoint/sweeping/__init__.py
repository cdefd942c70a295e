"""Sweeps: a training for each of several settings and seeds, and what they say together."""

"""Data: prepare once into memory-mapped uint8, then serve batches in an order fixed by the seed."""

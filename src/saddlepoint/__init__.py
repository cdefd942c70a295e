"""Saddlepoint: train GANs, see why they fail, mend them, and trust the numbers."""

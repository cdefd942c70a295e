"""A trained generator, played with: what the view of this name computes."""

"""The studio: a local page on which runs are watched, started, played with and explained."""

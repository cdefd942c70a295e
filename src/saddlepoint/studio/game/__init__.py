"""The game in the plane: two small nets whose every step can be seen, broken and fixed."""

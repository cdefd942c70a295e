"""The parts of bench/fuzz.py: cases, the world they harm, the sandbox, the oracle."""

"""Names failures while they happen, shows the evidence, proposes and applies remedies."""

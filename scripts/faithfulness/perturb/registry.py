"""The perturbations that chains are given."""

PERTURBATIONS = ("early_termination", "filler", "paraphrase", "mistake", "direct")

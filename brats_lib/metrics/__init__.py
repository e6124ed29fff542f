"""Scores: `published` as the paper's lineage computes them, `challenge` as BraTS does, `summary` over cases."""

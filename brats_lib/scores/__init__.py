"""Scores, of arrays and of tables of scores.

`published` scores as the paper's lineage does, `challenge` as BraTS does, `calibration` asks whether probabilities are
frequencies, `difficulty` what makes a case hard; `summary` goes over cases and seeds, `comparison` decides which of
two systems is better on the same cases; `images` judges pictures that a network made.
"""

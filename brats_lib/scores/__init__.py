"""Scores, of arrays and of tables of scores; nothing here reads a file.

`published` scores as the paper's lineage does, `challenge` as BraTS does, `calibration` asks whether probabilities are
frequencies, `difficulty` what makes a case hard, `outline` how it was outlined; `summary` goes over cases and seeds,
`comparison` sets two networks side by side on the same cases.
"""

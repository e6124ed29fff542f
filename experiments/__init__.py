"""What takes too long for a notebook: the shipped networks and recorded studies, made again from their seeds.

``python -m experiments NAME`` writes `results/<name>.csv` and, beside it, `results/<name>.json`: how it was made.
"""

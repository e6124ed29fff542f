"""Benchmarks: how long things take beside another way of doing them and beside what the machine allows.

Seconds belong to one machine and one moment. What is compared is ratios within one run, of medians of interleaved
repetitions; nothing is asserted on seconds. Files are read from the page cache: the disk is not measured.
"""

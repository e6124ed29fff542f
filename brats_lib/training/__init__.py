"""Fitting, losses, the state on disk, devices; the one room that may import a backend."""

"""Sweeps and tuning: many runs of one notebook, or of a chain of them, under one parent."""

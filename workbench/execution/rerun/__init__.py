"""Repeat a run from its record, and say whether the same comes out."""

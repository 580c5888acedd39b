"""Notebooks are executed here: their parameters, the order of phases, papermill, the report."""

"""Schedules: what is due when, who claims it, how it runs, and what became of it."""

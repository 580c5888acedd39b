"""A compressed fortnight: two weeks of flights served, watched, retrained and rolled back in minutes.

Two schedulers and a server run as anybody would run them; only their clock is set. What comes of it has to
be one true story, whoever tells it: ``python -m tests.fortnight`` (or ``FOLDER`` to keep it) tells it and
asserts that.

==========================================  ============================================
:mod:`~tests.fortnight.project`             the flights project that it begins with
:mod:`~tests.fortnight.driving`             hour by hour: the clock, flights, outcomes
:mod:`~tests.fortnight.story`               what everybody says at the end, side by side
==========================================  ============================================
"""

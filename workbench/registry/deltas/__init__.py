"""Where and how often two model versions disagree, measured on the same rows before anyone promotes.

:func:`~workbench.registry.deltas.measuring.delta` compares them on a frame,
:func:`~workbench.registry.deltas.recorded.recorded_delta` on the rows that the record leads to.
"""

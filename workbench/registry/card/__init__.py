"""The model card: what is known of a version, for the people who have to decide on it.

It is put together from the stores whenever it is asked for: :mod:`~workbench.registry.card.facts` looks
everything up, :mod:`~workbench.registry.card.insight` measures on the recorded holdout what the validation
did not, :mod:`~workbench.registry.card.limits` draws from it what the version must not be trusted with, and
:mod:`~workbench.registry.card.sections` says it. A :class:`~workbench.registry.card.document.Page` is written
as HTML and as Markdown alike, so that the two cannot differ.
"""

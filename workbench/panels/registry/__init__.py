"""The registry panel: versions of the model, what they were judged on, and how they come and go.

===============================================  ==================================================
:mod:`~workbench.panels.registry.panel`          what is looked at, without a widget
:mod:`~workbench.panels.registry.known`          what the stores said when they were last read
:mod:`~workbench.panels.registry.made`           validations, deltas, cards: each made once
:mod:`~workbench.panels.registry.acting`         approve, promote, roll back, retire: looked at, done
:mod:`~workbench.panels.registry.tables`         versions and ledger as markup
:mod:`~workbench.panels.registry.parts`          what stands below the versions
:mod:`~workbench.panels.registry.widget`         the widgets
:mod:`~workbench.panels.registry.act_widget`     those by which one acts
===============================================  ==================================================
"""

from __future__ import annotations

from workbench.panels.registry.panel import RegistryPanel, registry

__all__ = ["RegistryPanel", "registry"]

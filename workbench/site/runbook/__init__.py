"""The runbook: what a data scientist hands to those who keep the model running.

It is put together from the record whenever it is asked for, so nobody has to keep it true:
:mod:`~workbench.site.runbook.facts` looks everything up, the modules ``purpose``, ``served``, ``watched`` and
``happened`` say it section by section, :mod:`~workbench.site.runbook.signals` says what each alert means and
what to do, and :mod:`~workbench.site.runbook.writing` makes one page of it, as HTML and as Markdown.
"""

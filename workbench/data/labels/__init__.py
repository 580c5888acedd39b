"""Labels from several people, under control.

A queue holds rows that people are asked about. Each row has seats: one, or two for rows that are labelled
twice, by people who do not see what the other said. Where they disagree, a third person decides. What is
said, changed and taken back again is kept as events, which are only ever added.

====================================  ================================================================
:mod:`~workbench.data.labels.queues`  queues, their rows and their guidelines
:mod:`~workbench.data.labels.places`  who is at which row: claims that end by time
:mod:`~workbench.data.labels.saying`  labels given, changed, taken back; rows skipped; disputes decided
:mod:`~workbench.data.labels.results` what came of each row, and who did how much
:mod:`~workbench.data.labels.blind`      labels as they stood before anybody could see the other's
:mod:`~workbench.data.labels.agreement`  kappa and alpha, with intervals
:mod:`~workbench.data.labels.choosing`   rows of a dataset as rows of a queue
:mod:`~workbench.data.labels.exporting`  results as a dataset version
====================================  ================================================================

All functions of the store work on a connection, so that they are used within one transaction. Who somebody
is comes from :func:`workbench.registry.identity.identify`: on PostgreSQL whom the database authenticated, on
SQLite the login name. Nobody labels in another name, so nothing here takes one.
"""

"""Warm processes: forked from one that has imported everything, ready in a blink.

::

    jupyter, papermill, the command line                      (client)
        │  "python -m MODULE …, please": one request on a private socket
        ▼
    agent     one a user, environment and preload list        (server)
        │     imported the preload list, uses nothing of it; accepts, forks, and that is all
        ▼
    keeper    one a process that was asked for                (keeper)
        │     reads the request, tells the owner how it ended, lets nothing outlive the owner
        ▼
    child     becomes ``python -m MODULE …``                  (child)

What decides which agent serves whom, and when one is out of date: :mod:`~.identity`. What is imported
ahead: :mod:`~.preload`. How messages travel: :mod:`~.wire`. Where no agent can be had, the same
process is started the ordinary way below the same keeper: slower, and otherwise alike.
"""

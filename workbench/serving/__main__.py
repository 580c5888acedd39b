"""``python -m workbench.serving``: how :func:`workbench.serving.start` starts a server."""

from workbench.execution.agent.child import leave
from workbench.serving.process import main

# Taking some thousand modules apart would take a second, in which others wait for this process's end.
leave(main())

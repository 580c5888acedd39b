"""``python -m workbench.execution.agent``: how a client starts an agent."""

from workbench.execution.agent.server import main

main()

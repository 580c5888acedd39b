"""``python -m workbench.cli``: a command in this very process; what the agent runs."""

from workbench.cli.commands import main

main()

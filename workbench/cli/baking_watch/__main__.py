"""``python -m workbench.cli.baking_watch PROJECT``: see the package."""

from __future__ import annotations

import sys

from workbench.cli.baking_watch import main

sys.exit(main(sys.argv[1]))

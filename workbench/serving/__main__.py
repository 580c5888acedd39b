"""``python -m workbench.serving``: how :func:`workbench.serving.start` starts a server."""

import sys

from workbench.serving.process import main

sys.exit(main())

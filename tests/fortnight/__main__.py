"""``python -m tests.fortnight [FOLDER]``: live through it, and tell what came of it."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.fortnight.driving import drive
from tests.fortnight.project import make
from tests.fortnight.story import tell


def main(folder: Path) -> None:
    """Print the story; whatever is not true of it ends here."""
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {line}", flush=True)

    place = make(folder)
    say("a project with a champion of summer")
    drive(place, say)
    told = tell(place)
    say("one story:")
    print(*told.lines, sep="\n")
    print(*(f"{name}: {page}" for name, page in told.pages.items()), sep="\n")


if len(sys.argv) > 1:
    chosen = Path(sys.argv[1]).resolve()
    chosen.mkdir(parents=True)
    main(chosen)
else:
    with tempfile.TemporaryDirectory(prefix="workbench-fortnight-") as scratch:
        main(Path(scratch))

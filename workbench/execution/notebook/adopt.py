"""A ``workbench.toml`` for notebooks that exist already: what feeds what, as far as their code says."""

from __future__ import annotations

import fnmatch
import json
import os
import posixpath
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import Any

from workbench.errors import NotebookError, UsageError
from workbench.execution.notebook import read_notebook, summarize
from workbench.execution.notebook.file_use import file_use
from workbench.locate import CONFIG_NAME

__all__ = ["AdoptedPhase", "Proposal", "propose", "write"]

_PASSED_OVER = {"__pycache__", "node_modules", "site-packages"}
_ENVIRONMENT = {"pyvenv.cfg", "conda-meta"}


@dataclass(frozen=True)
class AdoptedPhase:
    """One notebook as a phase; all paths are relative to the project's folder.

    Attributes
    ----------
    notes : tuple of str
        What could not be told, for a person to look at.
    left_out : mapping
        A need that would close a circle, and the file that it is about.
    """

    name: str
    notebook: str
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Proposal:
    """A project as it might be; ``passed_over`` are notebooks that are no part of it, and why."""

    root: Path
    name: str
    helpers: str
    phases: tuple[AdoptedPhase, ...]
    passed_over: Mapping[str, str]

    @property
    def toml(self) -> str:
        """The text of its ``workbench.toml``."""
        lines = ["[project]", f"name = {_quoted(self.name)}", f"helpers = {_quoted(self.helpers)}"]
        for phase in self.phases:
            lines += ["", f"[phases.{phase.name}]", f"notebook = {_quoted(phase.notebook)}"]
            lines += [
                f"# needs {need} as well (for {_quoted(file)}), left out because that closes a circle"
                for need, file in (phase.left_out or {}).items()
            ]
            for key in ("needs", "reads", "writes"):
                if values := getattr(phase, key):
                    lines.append(f"{key} = {_array(values)}")
        return "\n".join(lines) + "\n"


def propose(folder: Path) -> Proposal:
    """Look at all notebooks below a folder, without executing anything.

    Raises
    ------
    UsageError
        When it is no folder, or holds no notebook that can be read.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; give the one that holds your notebooks")
    root = folder.resolve()
    passed_over: dict[str, str] = {}
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(_notebooks(root), key=lambda path: _natural(path.relative_to(root).as_posix())):
        place = path.relative_to(root).as_posix()
        try:
            place.encode()
            raw = read_notebook(path)
        except UnicodeEncodeError:
            passed_over[repr(place)] = "its name is no text that TOML can hold; rename it"
        except NotebookError as error:
            passed_over[place] = error.message.removeprefix(f"{path} ")
        else:
            if why := _why_not(raw):
                passed_over[place] = why
            else:
                found[place] = raw
    if not found:
        more = "".join(f"\n{place}: {why}" for place, why in passed_over.items())
        raise UsageError(f"no notebook below {folder} that could be a phase", details=more.strip())
    names = _names(list(found))
    uses = {place: _Use.of(root, place, raw) for place, raw in found.items()}
    phases = _without_circles([_phase(place, names, uses) for place in found])
    helpers = posixpath.commonpath([posixpath.dirname(place) for place in found]) or "."
    return Proposal(root, _slug(root.name) or "notebooks", helpers, tuple(phases), passed_over)


def _notebooks(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        if folder != str(root) and _ENVIRONMENT & {*folders, *files}:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _PASSED_OVER]
        yield from (
            Path(folder, name) for name in files if name.endswith(".ipynb") and not name.startswith(".")
        )


def _why_not(raw: dict[str, Any]) -> str:
    if any("injected-parameters" in cell["metadata"].get("tags", []) for cell in raw["cells"]):
        return "it is what papermill made of another notebook"
    return "" if any(cell["cell_type"] == "code" for cell in raw["cells"]) else "it has no code"


@dataclass(frozen=True)
class _Use:
    """What a notebook reads and writes, as paths below the root."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    perhaps: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, root: Path, place: str, raw: dict[str, Any]) -> _Use:
        language = summarize(raw).language
        if language != "python":
            return cls((), (), (), (f"it is in {language}: what it reads and writes was not looked into",))
        use = file_use(raw["cells"])
        notes = list(use.notes)

        def inside(texts: list[str], verb: str) -> tuple[str, ...]:
            paths = {text: _below(root, place, text) for text in texts}
            notes.extend(f"{verb} {text}, outside of the folder" for text, path in paths.items() if not path)
            return tuple(dict.fromkeys(path for path in paths.values() if path))

        reads, writes, perhaps = (
            inside(use.reads, "reads"),
            inside(use.writes, "writes"),
            inside(use.perhaps, "writes"),
        )
        notes += [f"writes {path} under a condition: not declared" for path in perhaps if path not in writes]
        return cls(reads, writes, perhaps, tuple(notes))

    def makes(self, path: str) -> bool:
        return any(_same(written, path) for written in (*self.writes, *self.perhaps))


def _below(root: Path, place: str, text: str) -> str:
    """A path in a notebook's code, as seen from the root; empty when it lies outside."""
    if text.startswith("~"):
        return ""
    path = posixpath.normpath(posixpath.join(str(root), posixpath.dirname(place), text))
    return path.removeprefix(f"{root}/") if path.startswith(f"{root}/") else ""


def _same(written: str, read: str) -> bool:
    """Whether what one notebook writes is what another reads: a file, a pattern, or a folder of files."""
    return (
        written == read
        or written.startswith(f"{read}/")
        or read.startswith(f"{written}/")
        or fnmatch.fnmatchcase(written, read)
    )


def _phase(place: str, names: Mapping[str, str], uses: Mapping[str, _Use]) -> AdoptedPhase:
    use = uses[place]
    needs: dict[str, str] = {}
    reads = []
    for path in use.reads:
        makers = [other for other, theirs in uses.items() if theirs.makes(path)]
        needs.update({names[maker]: path for maker in makers if maker != place})
        if not makers:
            reads.append(path)
    phase = AdoptedPhase(
        names[place], place, tuple(needs), tuple(reads), use.writes, use.notes, left_out=needs
    )
    if not (use.reads or use.writes or use.perhaps or use.notes):
        phase = replace(phase, notes=("no file that it reads or writes was found",))
    return phase


def _without_circles(phases: Sequence[AdoptedPhase]) -> list[AdoptedPhase]:
    """Leave out needs until no circle is left: first the one that goes most against the notebooks' order."""
    files = {phase.name: phase.left_out or {} for phase in phases}
    order = {phase.name: place for place, phase in enumerate(phases)}
    needs = {phase.name: list(phase.needs) for phase in phases}
    while True:
        try:
            TopologicalSorter(needs).prepare()
            break
        except CycleError as error:
            circle = error.args[1]  # each is needed by the next
        before, after = max(pairwise(circle), key=lambda pair: order[pair[0]] - order[pair[1]])
        needs[after].remove(before)
    adopted = []
    for phase in phases:
        kept = needs[phase.name]
        left_out = {need: files[phase.name][need] for need in phase.needs if need not in kept}
        adopted.append(
            replace(
                phase,
                needs=tuple(sorted(kept, key=order.__getitem__)),
                reads=(*phase.reads, *dict.fromkeys(left_out.values())),
                left_out=left_out,
            )
        )
    return adopted


# -- names and text ------------------------------------------------------------------------------


def _names(places: Sequence[str]) -> dict[str, str]:
    """A valid name for each notebook, all different: its own without number, else with its folder's."""
    stems = {place: posixpath.splitext(posixpath.basename(place))[0] for place in places}
    short = {place: _slug(re.sub(r"^\d+[\s._-]*(?=\D)", "", stem)) for place, stem in stems.items()}
    chosen: dict[str, str] = {}
    for place in places:
        name = short[place] or _slug(f"phase_{stems[place]}")
        if list(short.values()).count(short[place]) > 1:
            name = _slug(posixpath.basename(posixpath.dirname(place)) + f"_{name}")
        unique, count = name, 1
        while unique in chosen.values():
            count += 1
            unique = f"{name}_{count}"
        chosen[place] = unique
    return chosen


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"^[^a-z]+", "", re.sub(r"[^a-z0-9-]+", "_", plain)).strip("_-")


def _natural(place: str) -> list[tuple[int, int, str]]:
    """To sort ``10_b`` after ``9_a``, and numbers before words."""
    parts = re.findall(r"\d+|\D+", place)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's, which leaves one more character to be escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _array(values: Sequence[str]) -> str:
    line = "[" + ", ".join(map(_quoted, values)) + "]"
    if len(line) <= 100:
        return line
    return "[\n" + "".join(f"    {_quoted(value)},\n" for value in values) + "]"


def write(proposal: Proposal) -> Path:
    """Write the proposal's ``workbench.toml``.

    Raises
    ------
    UsageError
        When there is one already: it is never overwritten.
    """
    path = proposal.root / CONFIG_NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(proposal.toml)
    except FileExistsError:
        raise UsageError(
            f"{path} exists and stays as it is; compare it with the proposal: workbench adopt"
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    return path

"""Which files a notebook's code names as literals, to read or to write; nothing is executed."""

from __future__ import annotations

import ast
import posixpath
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.execution.notebook import cell_source, python_source

__all__ = ["FileUse", "file_use"]

_FORMATS = (
    "csv|excel|feather|file|fwf|geotiff|hdf|html|image|ipc|json|jsonl|latex|markdown|ndjson|netcdf|orc|parquet"
    "|pickle|sas|spss|stata|table|toml|xml|yaml|zarr"
)
#: Functions and methods that read the file they are given first.
_READS = re.compile(
    rf"(read|scan)_({_FORMATS})|open_(dataset|mfdataset|zarr)|imread|loadtxt|genfromtxt|fromfile|memmap"
)
#: Those that write the file they are given first.
_WRITES = re.compile(rf"(to|write|sink)_({_FORMATS})|savefig|savetxt|tofile|imwrite|imsave|ExcelWriter")
#: Those whose names mean a file only where what they are given looks like one.
_PERHAPS = {
    "load": "read",
    "load_model": "read",
    "save": "write",
    "savez": "write",
    "savez_compressed": "write",
}
_WRITES_SECOND = {"dump", "urlretrieve"}
_SECOND_SAVES = {"torch"}
_PATH_METHODS = {"read_text": "read", "read_bytes": "read", "write_text": "write", "write_bytes": "write"}
_SAME_PATH = {"absolute", "expanduser", "resolve", "as_posix"}
_TARGETS = {"path", "filename", "fname", "file", "fp", "f", "io", "buf", "path_or_buf", "excel_writer"} | {
    "filepath_or_buffer",
    "path_or_buffer",
}
_SUFFIX = {"save": ".npy", "savez": ".npz", "savez_compressed": ".npz"}
_OPENERS = {"open", "ZipFile", "TarFile", "File"}
_HANDLES = _OPENERS | {"ExcelWriter", "BytesIO", "StringIO"}
_MODULES = {"io", "gzip", "bz2", "lzma", "codecs", "Image", "PIL", "zipfile", "tarfile", "h5py", "rasterio"}
_DATABASE = re.compile(r"(read|to)_(sql|gbq)|connect$|create_engine$")
_MAX_LOOP = 50


@dataclass
class FileUse:
    """What one notebook reads and writes, as its code has it, and what could not be told.

    ``perhaps`` are files that it writes under a condition, or in a function that may not be called.
    """

    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    perhaps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def file_use(cells: Sequence[dict[str, Any]]) -> FileUse:
    """The files that code cells name: literals, f-strings and names that are literals further up."""
    use = FileUse()
    visitor = _Visitor(use)
    for number, cell in enumerate(cells, start=1):
        if cell["cell_type"] != "code":
            continue
        source = cell_source(cell)
        if shell := re.findall(r"^\s*(?:\w+\s*=\s*)?(!|%%bash|%%sh|%run)", source, re.MULTILINE):
            use.notes.append(f"cell {number}: {shell[0]} was not looked into")
        visitor.cell = number
        try:
            with warnings.catch_warnings(action="ignore"):
                code = python_source(source)
                visitor.visit(ast.parse(code or ""))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            use.notes.append(f"cell {number}: not valid Python")
    return FileUse(*(list(dict.fromkeys(found)) for found in (use.reads, use.writes, use.perhaps, use.notes)))


class _Visitor(ast.NodeVisitor):
    def __init__(self, use: FileUse) -> None:
        self.use = use
        self.names: dict[str, str] = {}
        self.handles: set[str] = set()
        self.cell = 0
        self.conditions = 0

    # -- names that stand for text ---------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._bind(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self._bind(node.target, node.value)

    def _under_condition(self, node: ast.AST) -> None:
        self.conditions += 1
        self.generic_visit(node)
        self.conditions -= 1

    visit_If = visit_IfExp = visit_Try = visit_While = visit_Lambda = _under_condition

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.generic_visit(node)
        self._bind(node.target, None)

    def visit_withitem(self, node: ast.withitem) -> None:
        self.visit(node.context_expr)
        if node.optional_vars is not None:
            self._bind(node.optional_vars, None)
            self.handles.add(_name(node.optional_vars))

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        self._bind(node.target, None)
        values = node.iter.elts if isinstance(node.iter, ast.List | ast.Tuple) else [None]
        for value in values[:_MAX_LOOP]:
            self._bind(node.target, value)
            for statement in node.body:
                self.visit(statement)
        for statement in node.orelse:
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outside = dict(self.names)
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                self.names.pop(argument.arg, None)
        self._under_condition(node)
        self.names = outside

    def _bind(self, target: ast.expr, value: ast.expr | None) -> None:
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                self.names.pop(name.id, None)
        text = self._text(value) if value is not None else None
        if isinstance(target, ast.Name):
            self.handles.discard(target.id)
            if text is not None:
                self.names[target.id] = text
            elif isinstance(value, ast.Call) and _name(value.func) in _HANDLES:
                self.handles.add(target.id)

    def _text(self, node: ast.expr) -> str | None:
        """The text, or the path, that an expression stands for; None where that is not written out."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Constant(value=int(number)) if not isinstance(number, bool):
                return str(number)
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.JoinedStr(values=parts):
                return self._joined([self._text(part) for part in parts], "")
            case ast.FormattedValue(value=value, format_spec=None):
                return self._text(value)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._joined([self._text(left), self._text(right)], "/")
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._joined([self._text(left), self._text(right)], "")
            case ast.Call(func=func, args=args) if _name(func) in ("Path", "PurePath", "join", "joinpath"):
                before = [func.value] if isinstance(func, ast.Attribute) and func.attr == "joinpath" else []
                return self._joined([self._text(part) for part in (*before, *args)], "/")
            case ast.Call(func=ast.Name(id="str"), args=[inner]):
                return self._text(inner)
            case ast.Call(func=ast.Attribute(value=inner, attr=name), args=[]) if name in _SAME_PATH:
                return self._text(inner)
        return None

    def _joined(self, parts: list[str | None], between: str) -> str | None:
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return posixpath.join("", *known) if between == "/" else between.join(known)

    # -- calls that read or write ----------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        name = _name(node.func)
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if name in _OPENERS:
            self._opened(node, owner)
        elif owner is not None and name in _PATH_METHODS and (path := self._text(owner)) is not None:
            self._note_file(_PATH_METHODS[name], path)
        elif name in ("glob", "iglob", "rglob") and node.args:
            self._globbed(node, name, owner)
        elif name in ("copy", "copyfile", "copy2", "move") and _name(owner) == "shutil":
            self._file("read", node, 0)
            self._file("write", node, 1)
        elif name in _WRITES_SECOND or (name == "save" and _name(owner) in _SECOND_SAVES):
            self._file("write", node, 1)
        elif _READS.fullmatch(name) or _WRITES.fullmatch(name):
            self._file("read" if _READS.fullmatch(name) else "write", node, 0)
        elif name in _PERHAPS:
            numpy = _name(owner) in ("np", "numpy")
            self._file(_PERHAPS[name], node, 0, suffix=_SUFFIX.get(name, "") if numpy else "", sure=numpy)
        elif _DATABASE.match(name):
            self.use.notes.append(f"cell {self.cell}: {name}(…) uses a database")

    def _opened(self, node: ast.Call, owner: ast.expr | None) -> None:
        in_module = owner is None or _name(owner) in _MODULES
        path = None if in_module or owner is None else self._text(owner)
        if not in_module and path is None:
            if _name(node.func) == "open":
                self._unknown("opens", owner)
            return
        given = node.args if path is not None else node.args[1:]
        modes = [*given[:1], *(item.value for item in node.keywords if item.arg == "mode")]
        mode = (self._text(modes[0]) if modes else "r") or "r"
        kinds = ["write"] if set(mode) & set("wax") else ["read"]
        if "+" in mode and kinds == ["read"]:
            kinds.append("write")
        for kind in kinds:
            if path is not None:
                self._note_file(kind, path)
            else:
                self._file(kind, node, 0)

    def _globbed(self, node: ast.Call, name: str, owner: ast.expr | None) -> None:
        pattern = self._text(node.args[0])
        folder = "" if owner is None or _name(owner) == "glob" else self._text(owner)
        if pattern is None or folder is None:
            self.use.notes.append(f"cell {self.cell}: {name}(…) of what is not written out")
        else:
            deep = "**/" if name == "rglob" else ""
            self._note_file("read", posixpath.join(folder, deep + pattern))

    def _file(self, kind: str, node: ast.Call, place: int, *, suffix: str = "", sure: bool = True) -> None:
        by_name = [item.value for item in node.keywords if item.arg in _TARGETS]
        given = by_name[0] if by_name else node.args[place] if len(node.args) > place else None
        if given is None:
            return
        text = self._text(given)
        if text is None:
            if sure:
                self._unknown(f"{kind}s", given)
        elif suffix and not posixpath.splitext(text)[1]:
            self._note_file(kind, text + suffix)
        elif sure or "." in text or "/" in text:
            self._note_file(kind, text)

    def _unknown(self, verb: str, given: ast.expr | None) -> None:
        """Say that a file is not written out; what was opened before was seen where it was opened."""
        path_like = ast.Name | ast.JoinedStr | ast.BinOp | ast.Subscript | ast.Attribute
        if isinstance(given, path_like) and _name(given) not in self.handles:
            shown = " ".join(ast.unparse(given).split())[:50]
            self.use.notes.append(f"cell {self.cell}: {verb} a file that is not written out: {shown}")

    def _note_file(self, kind: str, text: str) -> None:
        if re.match(r"\w[\w+.-]+://", text):
            verb = {"read": "reads", "write": "writes"}[kind]
            self.use.notes.append(f"cell {self.cell}: {verb} {text}, which is no file here")
        elif text and "\n" not in text and "\0" not in text and not text.lstrip().startswith(("<", "{", "[")):
            writes = self.use.perhaps if self.conditions else self.use.writes
            (self.use.reads if kind == "read" else writes).append(text)


def _name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""

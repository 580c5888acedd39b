"""The ``MLmodel`` of a model's folder, read as the untrusted text that it is.

MLflow's own loader imports what this file names. Here it is only compared with what the workbench writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import UnsafeModel

__all__ = ["PREDICT", "PROBABILITIES", "Description", "check_keys", "plain_text", "read_description"]

FILE = "MLmodel"
#: What MLflow's ``python_function`` may call.
PREDICT, PROBABILITIES = "predict", "predict_proba"
# One of a thousand columns has some 80 kB.
_LARGEST = 2 * 2**20
_DEEPEST = 20
_PYFUNC_KEYS = {
    *("loader_module", "data", "model_path", "env", "python_version", "predict_fn", "streamable"),
    *("code", "config", "model_config"),
}


@dataclass(frozen=True)
class Description:
    """The flavours of an ``MLmodel``, each a mapping that is still to be checked."""

    flavors: dict[str, dict[str, Any]]

    @property
    def predict_fn(self) -> Any:
        """What MLflow's ``python_function`` calls; of a classifier too it was ``predict`` once."""
        return self.flavors.get("python_function", {}).get("predict_fn", PREDICT)

    def check_python_function(self, loader_module: str, file: str) -> None:
        """Refuse a ``python_function`` that names anything but ``loader_module`` and ``file``."""
        given = self.flavors.get("python_function", {})
        loader = given.get("loader_module", loader_module)
        if loader != loader_module:
            raise UnsafeModel(f"its MLmodel names the module {plain_text(loader)}, not {loader_module}")
        check_keys(given, _PYFUNC_KEYS, "python_function")
        if self.predict_fn not in (PREDICT, PROBABILITIES):
            raise UnsafeModel(f"its MLmodel's python_function calls {plain_text(given['predict_fn'])}")
        for key in ("data", "model_path"):
            if given.get(key) not in (None, file):
                raise UnsafeModel(f"its MLmodel's python_function reads {plain_text(given[key])}, not {file}")


def read_description(folder: Path) -> Description:
    """The description in a folder.

    Raises
    ------
    UnsafeModel
        There is none, or it holds more than plain values.
    """
    import yaml

    path = folder / FILE
    if not path.is_file():
        raise UnsafeModel(f"lacks its {FILE}")
    if path.stat().st_size > _LARGEST:
        raise UnsafeModel(f"its {FILE} has {path.stat().st_size:,} bytes, more than a description needs")
    try:
        text = path.read_text(encoding="utf-8")
        _check_events(text)
        content = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnsafeModel(
            f"its {FILE} describes no model: it cannot be read as plain YAML", details=str(error)
        ) from error
    flavors = content.get("flavors") if isinstance(content, dict) else None
    if not isinstance(flavors, dict) or not flavors:
        raise UnsafeModel(f"its {FILE} describes no model: it names no flavour")
    if not all(isinstance(key, str) and isinstance(value, dict) for key, value in flavors.items()):
        raise UnsafeModel(f"its {FILE} describes no model: a flavour is no mapping")
    for name, flavor in flavors.items():
        if flavor.get("code"):
            raise UnsafeModel(f"its {FILE} names code to import: {plain_text(flavor['code'])} ({name[:40]})")
    return Description(flavors)


def _check_events(text: str) -> None:
    """References and deep nesting make a short text a huge or endless value; tags ask for objects."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise UnsafeModel(f"its {FILE} refers to its own parts, which the workbench does not write")
        tag = getattr(event, "tag", None)
        if tag and not str(tag).startswith("tag:yaml.org,2002:"):
            raise UnsafeModel(f"its {FILE} asks for an object: {plain_text(tag)}")
        if tag and "python" in tag:
            raise UnsafeModel(f"its {FILE} asks for an object of Python: {plain_text(tag)}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise UnsafeModel(f"its {FILE} is nested deeper than a description is")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def check_keys(flavor: dict[str, Any], known: set[str], name: str) -> None:
    """Refuse a flavour with a key that the workbench does not write."""
    for key in flavor:
        if key not in known:
            raise UnsafeModel(
                f"its {FILE} says {plain_text(key)} of {name}, which the workbench never writes"
            )


def plain_text(value: Any) -> str:
    """A value of an untrusted file in an error: short, on one line."""
    text = value if isinstance(value, str) else type(value).__name__
    return " ".join(text[:80].split()) + ("…" if len(text) > 80 else "")

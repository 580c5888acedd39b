"""PyTorch's networks of a class that the project declares: weights as safetensors, and no code.

The class is a plain ``torch.nn.Module`` beside the notebooks, named in ``workbench.toml``::

    [model]
    classes = ["flights.nets:Net"]

Its constructor's arguments are plain values, each kept as an attribute of the same name (as those of
scikit-learn's estimators). ``forward`` takes a float32 tensor, rows by features, and answers a logit a row:
shape ``(n,)`` or ``(n, 1)``, or ``(n, 2)`` with one for each class.

MLflow has no flavour for this; its ``pyfunc`` loads such a model all the same, within its project.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import DataError, MissingExtra, RegistryError, UnsafeModel
from workbench.project import CONFIG_NAME, Project, open_project
from workbench.tracking.flavors.description import Description, check_keys, plain_text, read_description
from workbench.tracking.flavors.kind import Keeping, check_columns, descends, in_order

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PyTorch"]

_FILE = "model.safetensors"
_KEYS = {"arguments", "class", "code", "data", "features", "torch_version"}
_ROWS_AT_ONCE = 16_384


class NetClassifier:
    """A network that answers as a classifier of two classes does."""

    def __init__(self, net: Any, features: list[str] | None = None) -> None:
        self.net = net.eval()
        self.classes_ = np.array([0, 1])
        if features is not None:
            self.feature_names_in_ = np.array(features, dtype=object)

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        import torch

        names = getattr(self, "feature_names_in_", None)
        rows = frame if names is None else in_order(frame, list(names))
        try:
            values = rows.to_numpy(dtype=np.float32, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise DataError(f"a network takes numbers and booleans: {error}") from error
        self.net.eval()
        with torch.no_grad():
            parts = [
                self.net(torch.from_numpy(values[start : start + _ROWS_AT_ONCE]))
                for start in range(0, len(values), _ROWS_AT_ONCE)
            ]
            answer = torch.cat(parts).double() if parts else torch.zeros(0, dtype=torch.float64)
        return _probabilities(answer, len(values))


def _probabilities(answer: Any, rows: int) -> NDArray[np.float64]:
    shape = tuple(answer.shape)
    if shape == (rows, 2):
        both: NDArray[np.float64] = answer.softmax(1).numpy()
    elif shape in ((rows,), (rows, 1)):
        late = answer.reshape(-1).sigmoid().numpy()
        both = np.column_stack([1 - late, late])
    else:
        raise DataError(
            f"forward has to answer a logit a row, shape ({rows},), ({rows}, 1) or ({rows}, 2); "
            f"it answers {shape}"
        )
    return both


class _Answering:
    """What MLflow's ``pyfunc`` holds."""

    def __init__(self, model: NetClassifier) -> None:
        self._model = model

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> NDArray[np.float64]:
        return self._model.predict_proba(frame)[:, 1]


class PyTorch:
    """Modules of a declared class."""

    name = "pytorch"
    flavor = "safetensors"
    loader_module = "workbench.tracking.flavors.nets"
    files = frozenset({_FILE})
    takes = f"PyTorch's modules of a class that {CONFIG_NAME} declares"
    required = (("safetensors",), ("torch",))

    def recognises(self, model: Any) -> bool:
        return descends(model, "torch.nn.modules.module.Module") or isinstance(model, NetClassifier)

    def adapt(self, model: Any) -> Any:
        return model if isinstance(model, NetClassifier) else NetClassifier(model)

    def save(self, model: Any, keeping: Keeping) -> None:
        import mlflow.pyfunc
        from mlflow.models import infer_signature

        try:
            import torch
            from safetensors.torch import save_file
        except ImportError as error:
            raise MissingExtra("safetensors", "pytorch", "keeping a PyTorch model") from error
        names = list(map(str, keeping.sample.columns))
        check_columns("PyTorch", keeping.sample, names, categories=False)
        net = self.adapt(model).net
        declared, arguments = _declared(keeping.project, net), _arguments(net)
        answers = NetClassifier(net, names).predict_proba(keeping.example)[:, 1]
        if not np.isfinite(answers).all():
            raise RegistryError(
                "answers the sample with a score that is not finite; a network takes no missing values: "
                "fill them in the features function"
            )
        keeping.mlflow_model.add_flavor(
            self.flavor,
            **{"class": declared, "arguments": arguments, "features": names, "data": _FILE},
            torch_version=str(torch.__version__),
        )
        mlflow.pyfunc.save_model(
            str(keeping.folder),
            loader_module=self.loader_module,
            mlflow_model=keeping.mlflow_model,
            signature=infer_signature(keeping.example, answers),
            input_example=keeping.example,
            pip_requirements=keeping.requirements,
        )
        # Copies, since safetensors refuses weights that share memory.
        weights = {key: value.detach().cpu().contiguous().clone() for key, value in net.state_dict().items()}
        save_file(weights, keeping.folder / _FILE)
        _same(
            self.load(keeping.folder / _FILE, read_description(keeping.folder), keeping.project),
            keeping,
            answers,
        )

    def file(self, description: Description) -> str:
        flavor = description.flavors[self.flavor]
        if flavor.get("data") != _FILE:
            raise UnsafeModel(f"its MLmodel says {plain_text(flavor.get('data'))}, not {_FILE}")
        check_keys(flavor, _KEYS, self.flavor)
        return _FILE

    def load(self, file: Path, description: Description, project: Project) -> Any:
        flavor = description.flavors[self.flavor]
        name, arguments, features = (flavor.get(key) for key in ("class", "arguments", "features"))
        declared = project.config.model.classes if project.config.model else ()
        if name not in declared:
            raise UnsafeModel(
                f"its MLmodel names the class {plain_text(name)}, which the project does not declare; if it "
                f"is the project's own, name it in {CONFIG_NAME}: [model] classes"
            )
        if not isinstance(arguments, dict) or not _plain(arguments):
            raise UnsafeModel("its MLmodel gives arguments for its class that are no plain values")
        if not isinstance(features, list) or not all(isinstance(item, str) for item in features):
            raise UnsafeModel("its MLmodel names no features")
        try:
            import torch
            from safetensors.torch import load_file
        except ImportError as error:
            raise MissingExtra("torch and safetensors", "pytorch", "this model") from error
        cls = project.resolve(str(name))
        if not (isinstance(cls, type) and issubclass(cls, torch.nn.Module)):
            raise UnsafeModel(f"{CONFIG_NAME} declares {name}, which is no class of torch.nn.Module")
        try:
            # On "meta" nothing is allocated, however large the arguments: the weights' own shapes decide.
            with torch.device("meta"):
                net = cls(**arguments)
            net.load_state_dict(load_file(file), strict=True, assign=True)
        except Exception as error:  # a crafted file makes it raise whatever it likes
            raise UnsafeModel(
                f"{_FILE} holds no weights that {name} can take with the arguments given", details=str(error)
            ) from error
        for part, tensor in [*net.named_parameters(), *net.named_buffers()]:
            if tensor.is_meta:
                raise UnsafeModel(f"{name} keeps {part} outside of its state: register it as persistent")
        return NetClassifier(net, features)


def _declared(project: Project, net: Any) -> str:
    """The name under which the project declares the network's class."""
    declared = project.config.model.classes if project.config.model else ()
    for reference in declared:
        if project.resolve(reference) is type(net):
            return reference
    module = "helpers" if type(net).__module__ == "__main__" else type(net).__module__
    raise UnsafeModel(
        f"is a {type(net).__name__}, which the project does not declare: keep the class in a module beside "
        f'the notebooks, and name it in {CONFIG_NAME}: [model] classes = ["{module}:{type(net).__name__}"]'
    )


def _arguments(net: Any) -> dict[str, Any]:
    """What the network was constructed with, from its attributes of the same names."""
    found: dict[str, Any] = {}
    called = type(net).__name__
    for name, parameter in inspect.signature(type(net)).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise RegistryError(f"{called} takes {parameter}; name each argument of its constructor")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise RegistryError(f"{called} takes {name!r} by position only; take it by name")
        if not hasattr(net, name):
            raise RegistryError(
                f"{called} does not keep its argument {name!r}: write self.{name} = {name} in __init__"
            )
        value = getattr(net, name)
        found[name] = list(value) if isinstance(value, tuple) else value
    if not _plain(found):
        raise RegistryError(f"{called} has an argument that is no plain value (number, text, list)")
    return found


def _plain(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError, RecursionError):
        return False


def _same(loaded: NetClassifier, keeping: Keeping, answers: NDArray[np.float64]) -> None:
    """Refuse a class that does not answer the same once it was built from its arguments and weights."""
    if not np.allclose(loaded.predict_proba(keeping.example)[:, 1], answers, rtol=0, atol=1e-6):
        raise RegistryError("answers otherwise once it is loaded: its class keeps state beside its weights")


def _load_pyfunc(path: str) -> _Answering:
    """For MLflow: load a folder in the project that the current folder lies in."""
    folder = Path(path)
    return _Answering(PyTorch().load(folder / _FILE, read_description(folder), open_project()))

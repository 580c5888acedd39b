"""scikit-learn's estimators, in the skops format.

skops builds a model from a list of types that are trusted. The list is ours and the project's, never the
one in the artifact. A *function* on it may be called with whatever the file says, so a project should name
only functions and classes that do no harm with any argument.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

from workbench.errors import RegistryError, UnsafeModel
from workbench.project import CONFIG_NAME, Project
from workbench.tracking.flavors.description import PREDICT, PROBABILITIES, Description, check_keys, plain_text
from workbench.tracking.flavors.kind import Keeping

__all__ = ["TRUSTED_TYPES", "Scikit", "is_regressor", "trusted_types"]

#: What scikit-learn's models need beyond what skops trusts by itself: data, or functions that check data.
#: A crafted tree could still crash the process that asks it; what keeps that out is the hash of the files.
TRUSTED_TYPES = (
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
_FILE = "model.skops"
_KEYS = {
    "code",
    "pickled_model",
    "predict_fn",
    "serialization_format",
    "sklearn_version",
    "skops_trusted_types",
}
# An archive may be small and unpack to more than the machine holds. skops stores, so 20 is generous.
_LARGEST_UNPACKED = 4 * 2**30
_LARGEST_RATIO = 20
_SMALL = 16 * 2**20
_MOST_MEMBERS = 100_000
# What skops calls the parts of an archive: the schema, and arrays by number or UUID.
_MEMBER = re.compile(r"schema\.json|[0-9a-f-]{1,40}\.(npy|npz|bin)")


def trusted_types(project: Project) -> list[str]:
    """Our allow-list and the project's own, never the model file's."""
    own = project.config.model.trusted_types if project.config.model else ()
    return sorted({*TRUSTED_TYPES, *own})


def is_regressor(model: Any) -> bool:
    """Whether a model predicts numbers; of what is no model of scikit-learn's, False."""
    from sklearn import base

    try:
        return hasattr(model, "predict") and bool(base.is_regressor(model))
    except Exception:  # what a crafted file holds raises whatever it likes
        return False


class Scikit:
    """Estimators and pipelines, also of others, whose types are trusted."""

    name = "scikit-learn"
    flavor = "sklearn"
    loader_module = "mlflow.sklearn"
    files = frozenset({_FILE})
    takes = "scikit-learn's estimators and pipelines"
    required = (("scikit-learn",), ("scipy",), ("skops",))

    def recognises(self, model: Any) -> bool:
        return hasattr(model, "predict") and hasattr(model, "get_params")

    def adapt(self, model: Any) -> Any:
        return model

    def save(self, model: Any, keeping: Keeping) -> None:
        import mlflow.sklearn
        from mlflow.exceptions import MlflowException
        from mlflow.models import infer_signature
        from skops.io.exceptions import UntrustedTypesFoundException

        # So that MLflow's own server answers what ours does.
        answering = PROBABILITIES if hasattr(model, PROBABILITIES) else PREDICT
        try:
            mlflow.sklearn.save_model(
                model,
                str(keeping.folder),
                mlflow_model=keeping.mlflow_model,
                serialization_format="skops",
                skops_trusted_types=trusted_types(keeping.project),
                signature=infer_signature(keeping.example, getattr(model, answering)(keeping.example)),
                pyfunc_predict_fn=answering,
                input_example=keeping.example,
                pip_requirements=keeping.requirements,
            )
        except MlflowException as error:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, UntrustedTypesFoundException):
                raise UnsafeModel(
                    f"is not known to be harmless. {_untrusted(cause)}{_of_a_pipeline(model)}",
                    details=str(cause),
                ) from error
            raise RegistryError(f"cannot be kept as data: {cause or error}") from error

    def file(self, description: Description) -> str:
        flavor = description.flavors[self.flavor]
        written, where = flavor.get("serialization_format"), flavor.get("pickled_model")
        if (written, where) != ("skops", _FILE):
            said = f"{plain_text(written)} in {plain_text(where)}"
            raise UnsafeModel(f"its MLmodel says {said}, not skops in {_FILE}")
        check_keys(flavor, _KEYS, self.flavor)
        return _FILE

    def load(self, file: Path, description: Description, project: Project) -> Any:
        import skops.io
        from skops.io.exceptions import UntrustedTypesFoundException

        try:
            _check_archive(file)
            return skops.io.load(file, trusted=trusted_types(project))
        except UnsafeModel:
            raise
        except UntrustedTypesFoundException as error:
            raise UnsafeModel(
                f"holds types that nobody declared harmless. {_untrusted(error)}", details=str(error)
            ) from error
        except Exception as error:  # a crafted file makes skops raise whatever it likes
            raise UnsafeModel(f"{_FILE} is no model that skops can read", details=str(error)) from error


def _untrusted(error: Exception) -> str:
    return (
        f"{str(error).splitlines()[0][:2000]} If they are, name them in {CONFIG_NAME}: [model] trusted_types"
    )


def _of_a_pipeline(model: Any) -> str:
    """What else can be done about a pipeline that ends in a booster of another library."""
    last = model.steps[-1][1] if getattr(model, "steps", None) else None
    if last is None or type(last).__module__.partition(".")[0] not in ("xgboost", "lightgbm"):
        return ""
    return f"; or do the other steps in the features function, and log the {type(last).__name__} by itself"


def _check_archive(file: Path) -> None:
    import zipfile

    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        raise UnsafeModel(f"{_FILE} holds {len(members):,} parts, more than a model has")
    unpacked = sum(member.file_size for member in members)
    if unpacked > _LARGEST_UNPACKED or unpacked > max(_SMALL, _LARGEST_RATIO * file.stat().st_size):
        raise UnsafeModel(f"{_FILE} unpacks to {unpacked / 2**30:.1f} GiB, more than a model of its size")
    names = [member.filename for member in members]
    for member in members:
        if not _MEMBER.fullmatch(member.filename):
            raise UnsafeModel(
                f"{_FILE} holds a part named {plain_text(member.filename)!r}, which skops does not write"
            )
        if stat.S_ISLNK(member.external_attr >> 16):
            raise UnsafeModel(f"{_FILE} holds a link, {member.filename}")
    if len(set(names)) != len(names):
        raise UnsafeModel(f"{_FILE} holds two parts of one name, so readers may see different ones")

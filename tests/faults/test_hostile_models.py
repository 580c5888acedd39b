"""Hostile models: none executes, and each refusal says why.

A first kind of attacker changes a version's files, and the hash tells. A second one reaches the registry's
tags too and writes the hash of what he made; then the set of files, our own lists and checks still hold. Here
most attacks are of the second kind. What would have run leaves a canary behind.
"""

from __future__ import annotations

import functools
import json
import operator
import os
import pickle
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.contract import model_kinds
from tests.unit.registry import small
from workbench.errors import PromotionRefused, RegistryError, UnsafeModel
from workbench.project import Project
from workbench.registry import loading, versions
from workbench.registry.cases import record_cases
from workbench.registry.promotion import promote
from workbench.store.hashing import hash_folder
from workbench.tracking import store
from workbench.tracking.models import log_model, positive_scores


class Hostile:
    """Writes the canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.canary}",)


@dataclass(frozen=True)
class Attack:
    """What somebody does to a version's folder, and what the refusal says then.

    ``tags_too`` is whether the recorded hash is doctored as well.
    """

    name: str
    says: str
    do: Callable[[Path, Path], None]
    kind: str = "scikit-learn"
    tags_too: bool = True


ATTACKS: list[Attack] = []


def attack(
    says: str, kind: str = "scikit-learn", tags_too: bool = True
) -> Callable[[Callable[[Path, Path], None]], Callable[[Path, Path], None]]:
    def listed(do: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
        ATTACKS.append(Attack(do.__name__.removeprefix("_"), says, do, kind, tags_too))
        return do

    return listed


def _described(folder: Path, old: str, new: str) -> None:
    text = (folder / "MLmodel").read_text()
    assert old in text
    (folder / "MLmodel").write_text(text.replace(old, new))


def _schema(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the schema of the skops file; what ``change`` returns takes its place."""
    _members(folder, {"schema.json": lambda old: json.dumps(change(json.loads(old))).encode()})


def _members(folder: Path, changes: dict[str, Callable[[bytes], bytes]]) -> None:
    file = folder / "model.skops"
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, changes.get(name, bytes)(content))


def _inside(hostile: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The node in place of an attribute of the estimator, so that the rest is what it was."""

    def change(schema: dict[str, Any]) -> dict[str, Any]:
        schema["content"]["content"]["memory"] = hostile
        return schema

    return change


def _text(value: Any) -> dict[str, Any]:
    return {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps(value),
    }


def _tuple(*values: dict[str, Any]) -> dict[str, Any]:
    return {
        "__class__": "tuple",
        "__module__": "builtins",
        "__loader__": "TupleNode",
        "content": list(values),
    }


# -- the folder --------------------------------------------------------------------------------------


@attack("its files were changed since they were written", tags_too=False)
def _pickle_swapped_in(folder: Path, canary: Path) -> None:
    (folder / "model.skops").write_bytes(pickle.dumps(Hostile(canary)))


@attack("model.skops is no model that skops can read")
def _pickle_swapped_in_with_its_hash(folder: Path, canary: Path) -> None:
    _pickle_swapped_in(folder, canary)


@attack("holds a pickle, model.pkl, which runs code when it is loaded")
def _pickle_that_the_description_names(folder: Path, canary: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps(Hostile(canary)))
    (folder / "model.skops").unlink()
    _described(folder, "serialization_format: skops", "serialization_format: pickle")
    _described(folder, "model.skops", "model.pkl")


@attack("its MLmodel says pickle in model.skops, not skops in model.skops")
def _pickle_under_a_harmless_name(folder: Path, canary: Path) -> None:
    (folder / "model.skops").write_bytes(pickle.dumps(Hostile(canary)))
    _described(folder, "serialization_format: skops", "serialization_format: pickle")


@attack("its MLmodel says skops in requirements.txt, not skops in model.skops")
def _pickle_in_the_requirements(folder: Path, canary: Path) -> None:
    (folder / "requirements.txt").write_bytes(pickle.dumps(Hostile(canary)))
    _described(folder, "pickled_model: model.skops", "pickled_model: requirements.txt")


@attack("its MLmodel says skops in ../../evil.skops, not skops in model.skops")
def _model_outside_of_the_folder(folder: Path, canary: Path) -> None:
    _described(folder, "pickled_model: model.skops", "pickled_model: ../../evil.skops")


@attack("holds a folder code/, from which code could be imported")
def _code_folder(folder: Path, canary: Path) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "sklearn.py").write_text(f"open({str(canary)!r}, 'w')")
    _described(folder, "    code: null", "    code: code")


@attack(r"its MLmodel names code to import: /tmp/evil \(sklearn\)")
def _code_that_the_description_names(folder: Path, canary: Path) -> None:
    _described(folder, "    code: null", "    code: /tmp/evil")


@attack(r"its MLmodel names code to import: code \(python_function\)")
def _code_that_python_function_names(folder: Path, canary: Path) -> None:
    _described(
        folder, "    loader_module: mlflow.sklearn", "    loader_module: mlflow.sklearn\n    code: code"
    )


@attack("holds sitecustomize.py, which the workbench does not write")
def _extra_file(folder: Path, canary: Path) -> None:
    (folder / "sitecustomize.py").write_text(f"open({str(canary)!r}, 'w')")


@attack("holds model.lgb, which the workbench does not write for scikit-learn")
def _file_of_another_kind(folder: Path, canary: Path) -> None:
    (folder / "model.lgb").write_text("tree\n")


@attack("lacks model.skops, which the workbench writes for scikit-learn")
def _missing_file(folder: Path, canary: Path) -> None:
    (folder / "model.skops").unlink()


@attack("its files were changed since they were written", tags_too=False)
def _missing_requirements(folder: Path, canary: Path) -> None:
    (folder / "requirements.txt").unlink()


@attack("model.skops is a link; only plain files are loaded")
def _link_out_of_the_folder(folder: Path, canary: Path) -> None:
    outside = canary.with_name("outside.skops")
    shutil.move(folder / "model.skops", outside)
    (folder / "model.skops").symlink_to(outside)


@attack("input_example.json is a link", tags_too=False)
def _link_to_a_secret(folder: Path, canary: Path) -> None:
    (folder / "input_example.json").unlink()
    (folder / "input_example.json").symlink_to("/etc/passwd")


@attack("its files were changed since they were written", tags_too=False)
def _hard_link_to_something_else(folder: Path, canary: Path) -> None:
    secret = canary.with_name("secret")
    secret.write_text("a password")
    (folder / "requirements.txt").unlink()
    os.link(secret, folder / "requirements.txt")


@attack("requirements.txt is neither a file nor a folder")
def _pipe_that_never_ends(folder: Path, canary: Path) -> None:
    (folder / "requirements.txt").unlink()
    os.mkfifo(folder / "requirements.txt")


@attack("requirements.txt is neither a file nor a folder")
def _device_that_never_ends(folder: Path, canary: Path) -> None:
    (folder / "requirements.txt").unlink()
    try:
        os.mknod(folder / "requirements.txt", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")


@attack(r"holds 1\d files of .* bytes, more than a model|holds \d files of .* bytes, more than a model")
def _file_with_holes_larger_than_a_disk(folder: Path, canary: Path) -> None:
    with (folder / "model.skops").open("ab") as file:
        file.truncate(2**40)


@attack("holds 101 files")
def _too_many_files(folder: Path, canary: Path) -> None:
    for number in range(200):
        (folder / f"registered_model_meta{number}").write_text("")


@attack("its files were changed since they were written", tags_too=False)
def _one_flipped_bit(folder: Path, canary: Path) -> None:
    content = bytearray((folder / "model.skops").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.skops").write_bytes(content)


@attack("model.skops is no model that skops can read")
def _truncated_file(folder: Path, canary: Path) -> None:
    content = (folder / "model.skops").read_bytes()
    (folder / "model.skops").write_bytes(content[: len(content) // 2])


# -- MLmodel -----------------------------------------------------------------------------------------


@attack("its MLmodel describes spacy, and no model that the workbench writes")
def _flavor_of_another_library(folder: Path, canary: Path) -> None:
    _described(folder, "  sklearn:\n", "  spacy:\n")


@attack("its MLmodel describes evil, sklearn, and no model")
def _second_flavor(folder: Path, canary: Path) -> None:
    _described(folder, "  sklearn:\n", "  evil: {loader_module: os}\n  sklearn:\n")


@attack("describes a model of kind lightgbm, but scikit-learn was registered")
def _kind_that_was_not_registered(folder: Path, canary: Path) -> None:
    _described(folder, "  sklearn:\n", "  lightgbm:\n")


@attack("its MLmodel names the module antigravity, not mlflow.sklearn")
def _loader_module_of_the_attacker(folder: Path, canary: Path) -> None:
    _described(folder, "loader_module: mlflow.sklearn", "loader_module: antigravity")


@attack("its MLmodel says python_model of python_function, which the workbench never writes")
def _python_function_with_a_pickled_class(folder: Path, canary: Path) -> None:
    _described(
        folder,
        "    loader_module: mlflow.sklearn",
        "    loader_module: mlflow.sklearn\n    python_model: registered_model_meta",
    )
    (folder / "registered_model_meta").write_bytes(pickle.dumps(Hostile(canary)))


@attack("its MLmodel asks for an object of Python: .*os.system")
def _object_of_python_in_the_description(folder: Path, canary: Path) -> None:
    _described(folder, "    code: null", f"    code: !!python/object/apply:os.system ['touch {canary}']")


@attack("its MLmodel refers to its own parts")
def _references_that_multiply(folder: Path, canary: Path) -> None:
    lines = ["a0: &a0 {x: 1}"] + [
        f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 20)
    ]
    with (folder / "MLmodel").open("a") as file:
        file.write("\n".join(lines) + "\n")


@attack("its MLmodel is nested deeper than a description is")
def _nesting_that_overflows(folder: Path, canary: Path) -> None:
    with (folder / "MLmodel").open("a") as file:
        file.write("deep: " + "[" * 5000 + "]" * 5000 + "\n")


@attack("its MLmodel has 3,.* bytes, more than a description needs")
def _huge_description(folder: Path, canary: Path) -> None:
    with (folder / "MLmodel").open("a") as file:
        file.write("# " + "x" * 3_000_000 + "\n")


# -- the skops file ----------------------------------------------------------------------------------


@attack(r"nobody declared harmless.*posix\.system.*\[model\] trusted_types")
def _doctored_list_in_the_description(folder: Path, canary: Path) -> None:
    skops.io.dump(FunctionTransformer(os.system, kw_args={}), folder / "model.skops")
    _described(folder, "    skops_trusted_types:\n", "    skops_trusted_types:\n    - posix.system\n")


@attack(r"nobody declared harmless.*posix\.system")
def _doctored_list_in_the_skops_file(folder: Path, canary: Path) -> None:
    skops.io.dump(FunctionTransformer(os.system), folder / "model.skops")
    _schema(folder, lambda schema: schema | {"trusted": ["posix.system"], "__trusted__": True})


@attack(r"nobody declared harmless.*os\.system")
def _schema_that_names_a_command(folder: Path, canary: Path) -> None:
    node = {"__class__": "system", "__module__": "os", "__loader__": "ConstructorFromReduceNode"}
    _schema(folder, _inside(node | {"content": _tuple(_text(f"touch {canary}"))}))


@attack(r"nobody declared harmless.*builtins\.eval")
def _container_that_is_a_function(folder: Path, canary: Path) -> None:
    node = {"__class__": "eval", "__module__": "builtins", "__loader__": "ListNode"}
    _schema(folder, _inside(node | {"content": [_text(f"open({str(canary)!r}, 'w')")]}))


@attack(r"nobody declared harmless.*posix\.system")
def _partial_over_a_command(folder: Path, canary: Path) -> None:
    hostile = functools.partial(os.system, f"touch {canary}")
    model = make_pipeline(FunctionTransformer(hostile), LogisticRegression())
    skops.io.dump(model, folder / "model.skops")


@attack(r"nobody declared harmless.*operator\.methodcaller")
def _methodcaller(folder: Path, canary: Path) -> None:
    hostile = operator.methodcaller("to_pickle", str(canary))
    model = make_pipeline(FunctionTransformer(hostile), LogisticRegression())
    skops.io.dump(model, folder / "model.skops")


@attack(r"nobody declared harmless.*operator\.attrgetter")
def _method_of_a_harmless_object(folder: Path, canary: Path) -> None:
    hostile = operator.attrgetter("__class__.__base__.__subclasses__")
    skops.io.dump(make_pipeline(FunctionTransformer(hostile), LogisticRegression()), folder / "model.skops")


@attack("nobody declared harmless.*tests.*Hostile")
def _type_that_is_not_on_the_list(folder: Path, canary: Path) -> None:
    model = LogisticRegression()
    model.notes_ = FunctionTransformer(Hostile)
    skops.io.dump(model, folder / "model.skops")


@attack("no model that skops can read|nobody declared harmless")
def _old_protocol_with_laxer_rules(folder: Path, canary: Path) -> None:
    node = {"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode"}
    node |= {"content": {"module_path": "posix", "function": "system"}}  # type: ignore[dict-item]
    _schema(folder, lambda schema: _inside(node)(schema) | {"protocol": 0})


@attack("model.skops is no model that skops can read")
def _array_that_is_a_pickle(folder: Path, canary: Path) -> None:
    import io

    import numpy as np

    held = io.BytesIO()
    np.save(held, np.array([Hostile(canary)], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(folder / "model.skops") as archive:
        arrays = [name for name in archive.namelist() if name.endswith(".npy")]
    _members(folder, {name: lambda _: held.getvalue() for name in arrays})


@attack("model.skops unpacks to 0.1 GiB, more than a model of its size")
def _archive_bomb(folder: Path, canary: Path) -> None:
    with zipfile.ZipFile(folder / "model.skops", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.npy", bytes(120_000_000))


@attack(r"holds a part named '\.\./\.\./canary', which skops does not write")
def _archive_that_climbs_out(folder: Path, canary: Path) -> None:
    with zipfile.ZipFile(folder / "model.skops", "a") as archive:
        archive.writestr("../../canary", "climbed")


@attack("holds a part named '/etc/cron.d/evil', which skops does not write")
def _archive_with_an_absolute_name(folder: Path, canary: Path) -> None:
    with zipfile.ZipFile(folder / "model.skops", "a") as archive:
        archive.writestr("/etc/cron.d/evil", "* * * * * root true")


@attack("holds a link, 12.npy")
def _archive_with_a_link(folder: Path, canary: Path) -> None:
    link = zipfile.ZipInfo("12.npy")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "model.skops", "a") as archive:
        archive.writestr(link, "/etc/passwd")


@attack("holds two parts of one name, so readers may see different ones")
def _archive_with_two_schemas(folder: Path, canary: Path) -> None:
    warned = pytest.warns(UserWarning, match="Duplicate name")
    with zipfile.ZipFile(folder / "model.skops", "a") as archive, warned:
        archive.writestr("schema.json", archive.read("schema.json"))


@attack("model.skops is no model that skops can read")
def _schema_that_overflows(folder: Path, canary: Path) -> None:
    _members(folder, {"schema.json": lambda _: b"[" * 200_000})


# -- XGBoost, LightGBM, PyTorch --------------------------------------------------------------------


@attack("model.json is no model of XGBoost's in JSON", kind="xgboost")
def _xgboost_pickle_swapped_in(folder: Path, canary: Path) -> None:
    (folder / "model.json").write_bytes(pickle.dumps(Hostile(canary), protocol=0))


@attack("its MLmodel names the class subprocess.Popen, which is none of XGBoost's", kind="xgboost")
def _xgboost_class_of_the_attacker(folder: Path, canary: Path) -> None:
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(re.sub("model_class: .*", "model_class: subprocess.Popen", text))


@attack("its MLmodel says ubj in model.ubj, not json in model.json", kind="xgboost")
def _xgboost_format_that_nobody_checks(folder: Path, canary: Path) -> None:
    _described(folder, "model_format: json", "model_format: ubj")
    _described(folder, "model.json", "model.ubj")


def _xgboost(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads((folder / "model.json").read_text())
    change(content["learner"])
    (folder / "model.json").write_text(json.dumps(content))


@attack("tree 0 has children that are not there, or twice", kind="xgboost")
def _xgboost_tree_in_a_circle(folder: Path, canary: Path) -> None:
    def change(learner: dict[str, Any]) -> None:
        tree = learner["gradient_booster"]["model"]["trees"][0]
        tree["left_children"][1] = 1

    _xgboost(folder, change)


@attack("tree 0 splits by a feature that is not there", kind="xgboost")
def _xgboost_feature_beside_the_row(folder: Path, canary: Path) -> None:
    def change(learner: dict[str, Any]) -> None:
        learner["gradient_booster"]["model"]["trees"][0]["split_indices"][0] = 2_000_000_000

    _xgboost(folder, change)


@attack("its MLmodel says lightgbm.sklearn.LGBMClassifier in model.skops", kind="lightgbm")
def _lightgbm_object_in_place_of_the_text(folder: Path, canary: Path) -> None:
    _described(folder, "lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier")
    _described(folder, "model.lgb", "model.skops")


@attack("model.lgb is damaged or made up: it is not whole", kind="lightgbm")
def _lightgbm_pickle_swapped_in(folder: Path, canary: Path) -> None:
    (folder / "model.lgb").write_bytes(pickle.dumps(Hostile(canary), protocol=0))


@attack("model.lgb is damaged or made up: tree 0 is not as long as it says", kind="lightgbm")
def _lightgbm_truncated(folder: Path, canary: Path) -> None:
    text = (folder / "model.lgb").read_text()
    (folder / "model.lgb").write_text(text[: text.index("leaf_weight")])


@attack("tree 0 leads to a leaf|tree 0 has children|tree 0 has .* left_child", kind="lightgbm")
def _lightgbm_child_beside_the_tree(folder: Path, canary: Path) -> None:
    text = (folder / "model.lgb").read_text()
    # As many characters, so that the size is right.
    first = re.search(r"^left_child=(\d+)", text, re.MULTILINE)
    assert first is not None
    changed = text[: first.start(1)] + "9" * len(first[1]) + text[first.end(1) :]
    (folder / "model.lgb").write_text(changed)


@attack("names the class os:system, which the project does not declare", kind="pytorch")
def _pytorch_class_of_the_attacker(folder: Path, canary: Path) -> None:
    _described(folder, f"class: {model_kinds.NET}", "class: os:system")


@attack("gives arguments for its class that are no plain values", kind="pytorch")
def _pytorch_arguments_that_are_none(folder: Path, canary: Path) -> None:
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("      width: 3", "      width: 2026-01-01"))


@attack("holds no weights that .*Net can take with the arguments given", kind="pytorch")
def _pytorch_arguments_that_fill_the_memory(folder: Path, canary: Path) -> None:
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("      width: 3", "      width: 1000000000"))


@attack("holds no weights that .*Net can take", kind="pytorch")
def _pytorch_pickle_swapped_in(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps(Hostile(canary)))


@attack("holds a pickle, state_dict.pth", kind="pytorch")
def _pytorch_pickle_beside_the_weights(folder: Path, canary: Path) -> None:
    (folder / "state_dict.pth").write_bytes(pickle.dumps(Hostile(canary)))


@attack("holds no weights that .*Net can take", kind="pytorch")
def _pytorch_header_larger_than_the_file(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")


# -- the tests ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return model_kinds.small_project(tmp_path_factory.mktemp("hostile") / "project")


@pytest.fixture(scope="module")
def registered(project: Project) -> Callable[[str], versions.ModelVersion]:
    """A version of each kind; attacks spoil copies of its files."""

    @functools.cache
    def made(kind: str) -> versions.ModelVersion:
        case = next(item for item in model_kinds.CASES if item.kind == kind).or_skip()
        run, model = small.start(project), case.fit(project)
        rows = model_kinds.rows()
        features = model_kinds.FEATURES
        if kind == "scikit-learn":
            model = make_pipeline(model).fit(rows[features], rows["late"])
        trained = log_model(
            project, run.run_id, "m", model, sample=rows[features], metrics={}, trained_until=small.CUT_OFF
        )
        scores = positive_scores(model, rows[features])
        cases = record_cases(rows, scores, inputs=features, features=features)
        found = versions.register(run, trained, small.validation(), cases)
        assert found is not None
        return found

    return made


@pytest.mark.practice("L6")
@pytest.mark.parametrize("hostile", ATTACKS, ids=lambda item: item.name)
def test_none_executes_and_each_refusal_says_why(
    hostile: Attack,
    project: Project,
    registered: Callable[[str], versions.ModelVersion],
    tmp_path: Path,
) -> None:
    version, canary = registered(hostile.kind), tmp_path / "canary"
    folder = tmp_path / "files" / "artifacts"
    shutil.copytree(urlparse(version.location).path, folder)
    hostile.do(folder, canary)
    spoiled = replace(version, location=str(folder))
    if hostile.tags_too:
        spoiled = _with_its_hash(spoiled, folder)
    modules = set(sys.modules)
    with pytest.raises(UnsafeModel, match=hostile.says) as refused:
        loading.load(spoiled, project)
    assert refused.value.message.startswith(f"{version}: ")
    assert "\n" not in refused.value.message
    assert not canary.exists()
    assert not {"antigravity", "sitecustomize", "evil"} & (set(sys.modules) - modules)


def _with_its_hash(version: versions.ModelVersion, folder: Path) -> versions.ModelVersion:
    """The version as its tags would be if the attacker had written them too."""
    for item in folder.iterdir():
        if item.is_symlink() or not (item.is_file() or item.is_dir()) or item.stat().st_size > 2**30:
            return version  # what has no hash, or none in reasonable time
    return replace(version, sha256=hash_folder(folder, ignore={"registered_model_meta"}))


def test_there_are_enough_of_them() -> None:
    assert len({item.name for item in ATTACKS}) == len(ATTACKS) >= 25


def test_what_was_not_spoiled_loads(
    project: Project, registered: Callable[[str], versions.ModelVersion]
) -> None:
    assert hasattr(loading.load(registered("scikit-learn"), project), "predict_proba")


def test_a_hard_link_to_the_same_content_is_only_a_second_name(
    project: Project, registered: Callable[[str], versions.ModelVersion], tmp_path: Path
) -> None:
    version = registered("scikit-learn")
    shutil.copytree(urlparse(version.location).path, tmp_path / "artifacts")
    os.link(tmp_path / "artifacts" / "model.skops", tmp_path / "second-name")
    loaded = loading.load(replace(version, location=str(tmp_path / "artifacts")), project)
    assert hasattr(loaded, "predict_proba")


@pytest.mark.parametrize("name", ["cases.json", "validation.json"])
@pytest.mark.parametrize("how", ["changed", "linked", "a pipe"])
def test_evidence_that_was_changed_is_refused(
    name: str, how: str, project: Project, registered: Callable[[str], versions.ModelVersion]
) -> None:
    version = registered("scikit-learn")
    root = store.client(project).get_run(version.tag("run_id")).info.artifact_uri
    file = Path(urlparse(root).path) / version.tag("evidence") / name
    kept = file.with_suffix(".kept")
    shutil.move(file, kept)
    try:
        if how == "changed":
            file.write_text(kept.read_text().replace("passed", "PASSED").replace("0.", "0.1", 1))
        elif how == "linked":
            file.symlink_to(kept)
        else:
            os.mkfifo(file)
        says = (
            "changed since" if how == "changed" else f"{name} of its run .* cannot be read: .*no plain file"
        )
        with pytest.raises(RegistryError, match=says):
            (loading.recorded_cases if name == "cases.json" else loading.evidence)(version, project)
        with pytest.raises(PromotionRefused, match=r"changed since|no plain file"):
            promote(project, version.version, reason="let it through")
    finally:
        file.unlink()
        shutil.move(kept, file)


def test_evidence_outside_of_the_run_is_of_no_use(
    project: Project, registered: Callable[[str], versions.ModelVersion], tmp_path: Path
) -> None:
    version = registered("scikit-learn")
    (tmp_path / "validation.json").write_text('{"verdict": "passed"}')
    tags = version.tags | {"workbench.evidence": str(tmp_path)}
    with pytest.raises(RegistryError, match="was changed since it was registered"):
        loading.evidence(replace(version, tags=tags), project)


_DAMAGED = """
import random, sys
from pathlib import Path
from tests.contract import model_kinds
from workbench.errors import UnsafeModel
from workbench.tracking.flavors import KINDS
from workbench.tracking.flavors.description import read_description

kind = next(item for item in KINDS if item.name == sys.argv[1])
folder, chance = Path(sys.argv[2]), random.Random(0)
description = read_description(folder)
file = folder / kind.file(description)
whole = file.read_bytes()
frame = model_kinds.rows()[model_kinds.FEATURES]
refused = 0
for _ in range(200):
    content = bytearray(whole)
    place = chance.randrange(len(content))
    match chance.randrange(3):
        case 0: content[place] ^= 1 << chance.randrange(8)
        case 1: content[place : place + 4] = b"9999"
        case 2: del content[place:]
    file.write_bytes(content)
    try:
        kind.load(file, description, None).predict_proba(frame)
    except UnsafeModel:
        refused += 1
    except Exception as error:
        print(type(error).__name__, error, file=sys.stderr)
print("refused", refused)
"""


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm"])
def test_damaged_trees_never_end_the_process(
    kind: str,
    project: Project,
    registered: Callable[[str], versions.ModelVersion],
    tmp_path: Path,
    repository_root: Path,
) -> None:
    """Read as they are, a third of such files ended it: the libraries trust the numbers in them."""
    version = registered(kind)
    shutil.copytree(urlparse(version.location).path, tmp_path / "artifacts")
    done = subprocess.run(
        [sys.executable, "-c", _DAMAGED, kind, str(tmp_path / "artifacts")],
        cwd=repository_root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split("refused ")[1]) > 50

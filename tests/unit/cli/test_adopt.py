"""``workbench adopt`` on a folder of notebooks as people have them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.projects import write_notebook
from workbench.cli.commands import _group
from workbench.project import open_project

LOAD = [
    "%matplotlib inline\n!pip install -q pandas\nimport pandas as pd\nfrom pathlib import Path",
    'DATA = Path("../data")\nraw = DATA / "raw"',
    'sales = pd.read_csv(raw / "sales.csv", sep=";")\nstores = pd.read_excel(f"{raw}/stores.xlsx")',
    'rates = pd.read_json("https://example.org/rates.json")',
    'sales.to_parquet(DATA / "sales.parquet")\nstores.to_csv(path_or_buf="../data/stores.csv")',
]
CLEAN = [
    "import json, os",
    'frame = pd.read_parquet(os.path.join(folder, "sales.parquet"))',
    'with open("../data/stores.csv") as file:\n    lines = file.read()',
    'frame.to_pickle(os.path.join(folder, "clean.pkl"))',
    'with open("../data/facts.json", "w") as file:\n    json.dump({}, file)',
    'if len(frame) > 10**6:\n    frame.sample(1000).to_csv("../data/sample.csv")',
]
FEATURES = [
    "%%time\nclean = pd.read_pickle('../data/clean.pkl')",
    "import numpy as np\nnp.save('../data/features', clean.to_numpy())\nnp.savez('../data/both.npz', a=1)",
]
TRAIN = [
    "import joblib, numpy as np\nX = np.load('../data/features.npy')",
    "for name in ['ridge', 'forest']:\n    joblib.dump(X, f'../models/{name}.joblib')",
    "joblib.dump(X, choose_path())\npd.read_csv(sys.argv[1])",
]
EVALUATE = [
    "import glob\nmodels = [joblib.load(path) for path in glob.glob('../models/*.joblib')]",
    "facts = json.loads(Path('../data/facts.json').read_text())",
    "fig.savefig('../figures/roc.png')",
    "x = '''\n%s and text''' % 3",
]
R = ['x <- read.csv("../data/sales.csv")']
FIRST = ["b = pd.read_csv('feedback.csv')\nb.to_csv('scored.csv')"]
SECOND = ["s = pd.read_csv('scored.csv')\ns.to_csv('feedback.csv')"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "Sales Forecast (2024)"
    write_notebook(root / "nb" / "01_Load data.ipynb", LOAD)
    write_notebook(root / "nb" / "02 clean.ipynb", CLEAN, 'folder = "../data"  # where')
    write_notebook(root / "nb" / "03-features.ipynb", FEATURES)
    write_notebook(root / "nb" / "10_train.ipynb", TRAIN)
    write_notebook(root / "nb" / "11_évaluer.ipynb", EVALUATE)
    write_notebook(root / "nb" / "2024.ipynb", R, kernel="ir")
    text = (root / "nb" / "2024.ipynb").read_text()
    (root / "nb" / "2024.ipynb").write_text(text.replace('"language": "python"', '"language": "R"'))
    write_notebook(root / "loop" / "1_score.ipynb", FIRST)
    write_notebook(root / "loop" / "2_train.ipynb", SECOND)
    for passed_over in (".ipynb_checkpoints", "node_modules", "env"):
        write_notebook(root / passed_over / "x.ipynb", ["1"])
    (root / "env" / "pyvenv.cfg").touch()
    (root / "nb" / "broken.ipynb").write_text("{")
    return root


def adopt(*arguments: object) -> Result:
    return CliRunner().invoke(_group, ["adopt", *map(str, arguments)])


def test_the_proposal_is_a_project_that_opens(folder: Path) -> None:
    done = adopt(folder)
    assert done.exit_code == 0
    assert not (folder / "workbench.toml").exists()
    (folder / "workbench.toml").write_text(done.stdout)
    config = open_project(folder).config
    assert (config.project.name, config.project.helpers) == ("sales_forecast_2024", ".")
    assert {name: (phase.notebook, phase.needs) for name, phase in config.phases.items()} == {
        "score": ("loop/1_score.ipynb", ()),
        "loop_train": ("loop/2_train.ipynb", ("score",)),
        "load_data": ("nb/01_Load data.ipynb", ()),
        "clean": ("nb/02 clean.ipynb", ("load_data",)),
        "features": ("nb/03-features.ipynb", ("clean",)),
        "nb_train": ("nb/10_train.ipynb", ("features",)),
        "evaluer": ("nb/11_évaluer.ipynb", ("clean", "nb_train")),
        "phase_2024": ("nb/2024.ipynb", ()),
    }
    assert {name: phase.reads for name, phase in config.phases.items() if phase.reads} == {
        "load_data": ("data/raw/sales.csv", "data/raw/stores.xlsx"),
        "score": ("loop/feedback.csv",),
    }
    assert {name: phase.writes for name, phase in config.phases.items() if phase.writes} == {
        "load_data": ("data/sales.parquet", "data/stores.csv"),
        "clean": ("data/clean.pkl", "data/facts.json"),
        "features": ("data/features.npy", "data/both.npz"),
        "nb_train": ("models/ridge.joblib", "models/forest.joblib"),
        "evaluer": ("figures/roc.png",),
        "score": ("loop/scored.csv",),
        "loop_train": ("loop/feedback.csv",),
    }
    left_out = '# needs loop_train as well (for "loop/feedback.csv"), left out because that closes a circle'
    assert left_out in done.stdout


def test_what_could_not_be_told_is_said(folder: Path) -> None:
    said = adopt(folder).stderr
    for expected in (
        "cell 2: ! was not looked into",
        "reads https://example.org/rates.json, which is no file here",
        "writes data/sample.csv under a condition: not declared",
        "reads a file that is not written out: sys.argv[1]",
        "it is in R: what it reads and writes was not looked into",
        "nb/broken.ipynb: cannot be read as a notebook",
        "next: workbench adopt",
    ):
        assert expected in said
    assert "file that is not written out: file" not in said
    assert "not valid Python" not in said


def test_it_is_written_once_and_never_over_another(folder: Path) -> None:
    done = adopt(folder, "--write")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "next: workbench run" in done.stderr
    written = (folder / "workbench.toml").read_text()
    assert len(open_project(folder).config.phases) == 8
    (folder / "workbench.toml").write_text(written + "# mine\n")
    command = [sys.executable, "-m", "workbench", "adopt", str(folder), "--write"]
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "exists and stays as it is" in again.stderr
    assert (folder / "workbench.toml").read_text() == written + "# mine\n"


def test_the_same_as_json(folder: Path) -> None:
    facts = json.loads(adopt(folder, "--json").stdout)
    assert facts["written"] is None
    assert facts["phases"][3]["needs"] == ["load_data"]
    assert facts["phases"][0]["needs_left_out"] == {"loop_train": "loop/feedback.csv"}
    assert list(facts["passed_over"]) == ["nb/broken.ipynb"]
    assert facts["toml"].startswith("[project]\n")


@pytest.mark.parametrize("made", [(), ("broken",)])
def test_a_folder_without_notebooks_is_refused(tmp_path: Path, made: tuple[str, ...]) -> None:
    for name in made:
        (tmp_path / f"{name}.ipynb").write_text("")
    command = [sys.executable, "-m", "workbench", "adopt", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no notebook below" in done.stderr
    assert all(name in done.stderr for name in made)


def test_names_are_valid_whatever_files_are_called(tmp_path: Path) -> None:
    names = ["1", "2", "_", "分析", "a b", "a-b", "A_B", 'q"\\', "x\x7f", "9 lives", "train.v2"]
    for name in names:
        write_notebook(tmp_path / "deep" / f"{name}.ipynb", ["open('a\"[b]é.csv')"])
    done = adopt(tmp_path, "--write")
    assert done.exit_code == 0, done.stderr
    config = open_project(tmp_path).config
    assert len(config.phases) == len(names)
    assert config.project.helpers == "deep"
    assert {phase.notebook for phase in config.phases.values()} == {f"deep/{name}.ipynb" for name in names}
    assert {phase.reads for phase in config.phases.values()} == {('deep/a"[b]é.csv',)}

"""``workbench init``."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from workbench import __version__
from workbench.errors import UnknownName, UsageError
from workbench.project import CONFIG_NAME

_PACKAGE = Path(__file__).resolve().parent.parent
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.pyc")
_GITIGNORE = ".workbench/\n__pycache__/\n.ipynb_checkpoints/\n"
_REQUIREMENTS = """\
# What a runner installs; add what your helpers import.
mlops-workbench[demo]=={version}
psycopg[binary]>=3.2,<4  # for a database that is shared
"""
# Each where its service looks for it.
_WORKFLOWS = {"github.yml": ".github/workflows/pipeline.yml", "gitlab.yml": ".gitlab-ci.yml"}


@click.command(epilog="Example:  workbench init demo --template flights && cd demo && workbench run")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--template", default="flights", show_default=True, help="Which project to start from.")
def init(folder: Path, template: str) -> None:
    """Make a project in FOLDER, which must be new or empty: notebooks, helpers and workbench.toml.

    With workflows for GitHub and GitLab that check a change and, once it is merged, train, judge and promote.
    """
    source = _templates().get(template)
    if source is None:
        raise UnknownName("template", template, _templates())
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty; give the name of a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source / "notebooks", folder / "notebooks", ignore=_LEFT_OUT, dirs_exist_ok=True)
    shutil.copyfile(source / CONFIG_NAME, folder / CONFIG_NAME)
    (folder / ".gitignore").write_text(_GITIGNORE, encoding="utf-8")
    (folder / "requirements.txt").write_text(_REQUIREMENTS.format(version=__version__), encoding="utf-8")
    for name, place in _WORKFLOWS.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(__file__).parent / "workflows" / name, folder / place)
    from workbench.execution.kernels import kernelspec

    click.echo(f"made {folder} from template {template}")
    if not kernelspec.ensure():
        click.echo("Jupyter's kernels cannot be added to here, so notebooks start as usual: workbench doctor")
    click.echo(f"next: cd {folder} && workbench run")


def _templates() -> dict[str, Path]:
    """Each template's folder: inside the installed package, or the checkout that this is run from."""
    shipped = _PACKAGE / "templates"
    if shipped.is_dir():
        return {folder.name: folder for folder in shipped.iterdir() if (folder / CONFIG_NAME).is_file()}
    checkout = _PACKAGE.parent
    return {"flights": checkout} if (checkout / CONFIG_NAME).is_file() else {}

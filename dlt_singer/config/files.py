"""The one part of the configuration that opens files: finds a project, reads it, puts it together.

In: a directory or the working directory, an environment's name, overlays. Out: `Project`. Never writes a file or
an environment variable.
"""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path

from dlt_singer.config.documents import parse_document
from dlt_singer.config.dotenv import parse_dotenv
from dlt_singer.config.environments import Document, choose_environment, overlaid, stack
from dlt_singer.config.layers import Overlays
from dlt_singer.config.project import Project
from dlt_singer.errors import ConfigError, ProjectNotFoundError

FORMATS = ("yaml", "yml", "toml", "json")


def load_project(
    project_dir: Path | str | None = None,
    env: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overlays: Overlays | None = None,
) -> Project:
    """Return the project of a directory, in one environment.

    Layers, low to high: `alto.*`, `alto.local.*`, `alto.secrets.*` (of each the section `default`, then the
    environment's), `overlays.files`, `ALTO_<KEY>__<KEY>` variables, `overlays.environ`, `overlays.arguments`.
    Mappings merge deeply. Lists append within alto's own files and are replaced by every other layer.

    Args:
        project_dir: Where the project file is; None searches the working directory and its parents.
        env: The environment; None asks `ALTO_ENV`, then `.env`, then the overlays, else it is `default`.
        environ: Environment variables; None means those of this process, read when they are needed.
        overlays: Settings from dlt's providers and from Python.

    Returns:
        The project. Nothing secret has been resolved yet.

    Raises:
        ProjectNotFoundError: There is no project file.
        ConfigError: The configuration cannot be used; the error names the file and the key.

    Example:
        >>> load_project().tap("tap-github").select  # doctest: +SKIP
        ('issues.*',)
    """
    file = find_project_file(project_dir)
    overlays = overlays or Overlays()
    own = os.environ if environ is None else environ
    dotenv = _read_dotenv(file.parent)
    documents = _read_documents(file)
    chosen = choose_environment(env, (own, dotenv), overlays, documents)
    variables = _over(own, dotenv)
    settings = overlaid(stack(documents, chosen), variables, overlays)
    only_dotenv = {key: value for key, value in dotenv.items() if key not in own}
    return Project(file, chosen, settings, variables, only_dotenv, Path.home())


def read_data_dir(project_file: Path, environ: Mapping[str, str] | None = None) -> Path | None:
    """Return a project's `data_dir` without judging anything else it says.

    Files of secrets and overlays are left alone: dlt asks before it has providers.

    Args:
        project_file: The project file.
        environ: Environment variables; None means those of this process.

    Returns:
        The directory, absolute, or None if the project leaves the place to dlt.

    Raises:
        ConfigError: A file of the project cannot be read.
    """
    own = os.environ if environ is None else environ
    dotenv = _read_dotenv(project_file.parent)
    variables = _over(own, dotenv)
    env = variables.get("ALTO_ENV") or "default"
    settings = dict(stack(_read_documents(project_file, secrets=False), env, checked=False))
    if text := variables.get("ALTO_DATA_DIR"):
        settings["data_dir"] = text
    return Project(project_file, env, settings, variables).data_dir


def find_project_file(project_dir: Path | str | None = None) -> Path:
    """Return the project file.

    Args:
        project_dir: The directory that holds it; None searches the working directory and its parents.

    Returns:
        An absolute path.

    Raises:
        ProjectNotFoundError: There is none.
        ConfigError: Two stand side by side.
    """
    start = Path(project_dir or ".").expanduser().absolute()
    if project_dir is not None and start.is_file():
        return start
    for directory in [start] if project_dir is not None else [start, *start.parents]:
        found = [file for form in FORMATS if (file := directory / f"alto.{form}").is_file()]
        if len(found) > 1:
            names = " and ".join(file.name for file in found)
            raise ConfigError(
                f"{directory} holds {names}: it is not clear which one counts.", "Remove all but one."
            )
        if found:
            return found[0]
    where = f"in {start}" if project_dir is not None else f"in {start} or any directory above"
    raise ProjectNotFoundError(
        f"No project file {'/'.join(f'alto.{form}' for form in FORMATS)} {where}.",
        "Run from inside the project, begin one with `dlt-singer init`, or give project_dir (--project-dir).",
    )


def _over(own: Mapping[str, str], dotenv: Mapping[str, str]) -> Mapping[str, str]:
    # ChainMap writes to its first mapping only, and nobody writes.
    return ChainMap(own, dotenv)  # type: ignore[arg-type]  # reading needs no MutableMapping


def _read_dotenv(root: Path) -> dict[str, str]:
    file = root / ".env"
    return parse_dotenv(_text_of(file)) if file.is_file() else {}


def _read_documents(file: Path, *, secrets: bool = True) -> list[Document]:
    others = sorted(other for form in FORMATS for other in file.parent.glob(f"alto.*.{form}") if other.is_file())
    # As in alto any further `alto.*` file is personal; of these `alto.local` wins, and secrets win over all.
    others.sort(key=lambda other: ("secrets" in other.name, other.name.startswith("alto.local.")))
    return [_document(each) for each in (file, *others) if secrets or "secrets" not in each.name]


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not UTF-8"
        raise ConfigError(f"{file} cannot be read: {reason}.", "Check the file.") from None


def _document(file: Path) -> Document:
    return Document(file.name, parse_document(_text_of(file), file), secret="secrets" in file.name)

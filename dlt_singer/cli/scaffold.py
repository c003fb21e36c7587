"""The files of a new project, and the sample tap that comes with us. What is there already stays as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from dlt_singer._types import JSON

SAMPLE = "tap-carbon-intensity"
_IGNORED = ("__pycache__", ".*_cache", "*.egg-info", "build", "dist", ".venv", "scripts")

PROJECT = """\
# What this project loads, and how. The top level holds environments: `default` applies everywhere, another one is
# laid over it by ALTO_ENV=<name> or --env <name>. Mappings are merged, lists are appended.
#
# Secrets do not belong here. Put them into .dlt/secrets.toml, alto.secrets.yaml, .env or the environment.
default:
  project_name: {name}

  # dlt keeps its pipelines here instead of in your home directory, and local databases beside this file.
  data_dir: .alto/dlt

"""
NO_TAPS = "  # `dlt-singer add tap-<name>` writes taps here.\n  taps: {}\n"
SAMPLE_TAP = """\
  taps:
    # Half-hourly carbon intensity of Great Britain's electricity, by region. Its source is yours to look at and
    # to copy from: a tap of your own looks like this.
    tap-carbon-intensity:
      pip_url: ./taps/tap-carbon-intensity
      capabilities: [catalog, discover, state]
      config:
        # A simulated week that ships with the tap: no network, no key. `--env live` reads the real thing.
        sample: true

live:
  taps:
    tap-carbon-intensity:
      config:
        sample: false
"""
CONFIG = """\
# Settings of dlt; each can come from the environment instead, such as DESTINATION_TYPE=postgres.
destination_type = "{destination}"

[runtime]
log_level = "WARNING"
dlthub_telemetry = false
"""
SECRETS = """\
# Never committed. Uncomment and fill in what you need.

# The destination:
# [destination.postgres]
# credentials = "postgresql://user:password@localhost:5432/database"

# Settings of a tap, over those of alto.yaml; its name with underscores:
# [sources.singer.tap_github.config]
# auth_token = ""
"""
IGNORED = (".alto/", ".dlt/secrets.toml", "alto.secrets.*", "alto.local.*", ".env", "*.duckdb", "*.duckdb.wal")
SCRIPT = '''\
"""Load the carbon intensity of Great Britain's electricity, and show what has been loaded.

The same as `dlt-singer run tap-carbon-intensity`, as a script to change and to schedule.
"""

import dlt
from dlt_singer import run, singer

STREAMS = ["region", "entry", "generationmix"]


def main() -> None:
    pipeline = dlt.pipeline("carbon_intensity", dataset_name="tap_carbon_intensity")
    print(run(pipeline, singer("tap-carbon-intensity", streams=STREAMS)))
    for table, rows in pipeline.dataset().row_counts().fetchall():
        print(f"{table:<24}{rows:>9,} rows")


if __name__ == "__main__":
    main()
'''


def project_files(name: str, destination: str, *, sample: bool, sections: JSON = None) -> dict[str, str]:
    """Return the files of a new project by their paths.

    Args:
        name: The project's name.
        destination: dlt's, such as `duckdb`.
        sample: Whether the sample tap is in it.
        sections: Environments to settings of taps that are there already, from another tool.
    """
    project = PROJECT.format(name=name)
    if isinstance(sections, dict):
        written = yaml.safe_dump(sections, sort_keys=False, allow_unicode=True, width=110)
        project += written.removeprefix("default:\n")
    else:
        project += SAMPLE_TAP if sample else NO_TAPS
    files = {
        "alto.yaml": project,
        ".dlt/config.toml": CONFIG.format(destination=destination),
        ".dlt/secrets.toml": SECRETS,
        ".gitignore": "".join(f"{pattern}\n" for pattern in IGNORED),
    }
    return {**files, "carbon_intensity_pipeline.py": SCRIPT} if sample else files


def write_files(root: Path, files: dict[str, str]) -> list[str]:
    """Write files that are not there; a `.gitignore` gets the lines it lacks. Return what was written."""
    written = []
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text(text, encoding="utf-8")
            written.append(path)
        elif path == ".gitignore" and (lacking := _lacking(file, text)):
            with file.open("a", encoding="utf-8") as handle:
                handle.write(lacking)
            written.append(f"{path} (lines added)")
    return written


def copy_sample(root: Path) -> str | None:
    """Copy the sample tap's source into the project; None if a directory of its name is there."""
    place = Path("taps", SAMPLE)
    if (root / place).exists():
        return None
    shutil.copytree(sample_tap(), root / place, ignore=shutil.ignore_patterns(*_IGNORED))
    return f"{place}/"


def sample_tap() -> Path:
    """Return where the sample tap's source is: in the installed package, or beside it in a clone."""
    installed = Path(__file__).with_name("sample")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "taps" / SAMPLE


def _lacking(file: Path, text: str) -> str:
    there = file.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line not in there.splitlines()]
    start = "" if there.endswith("\n") or not there else "\n"
    return start + "".join(f"{line}\n" for line in lines) if lines else ""

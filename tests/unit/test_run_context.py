"""What dlt does with it runs in real processes: dlt keeps its run context as long as the process lives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlt_singer.errors import ConfigError
from dlt_singer.run_context import plug_run_context

WITH_DATA_DIR = "default:\n  data_dir: .alto/dlt\n"
LOAD = """
import sys, dlt
pipeline = dlt.pipeline("same_name", destination="duckdb", dataset_name="raw")
pipeline.run([{"word": sys.argv[1]}], table_name="words")
with pipeline.sql_client() as client:
    print([row[0] for row in client.execute_sql("SELECT word FROM words ORDER BY word")])
"""
WHERE = """
from dlt.common.runtime.run_context import active, global_dir
print(type(active()).__name__, active().data_dir == global_dir())
"""


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the variables of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith(("DLT_", "ALTO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a directory with a project file that asks for its own data directory."""
    return project_at(tmp_path / "project", WITH_DATA_DIR)


def project_at(root: Path, text: str) -> Path:
    root.mkdir()
    (root / "alto.yaml").write_text(text)
    return root


def execute(*argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)


def python(code: str, *arguments: str, cwd: Path) -> str:
    done = execute(sys.executable, "-c", code, *arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def data_dir(run_dir: Path) -> str | None:
    context = plug_run_context(str(run_dir), None)
    return None if context is None else context.data_dir


def test_two_clones_with_the_same_pipeline_name_each_see_their_own_database_and_state(tmp_path: Path) -> None:
    here = project_at(tmp_path / "here", WITH_DATA_DIR)
    there = project_at(tmp_path / "there", WITH_DATA_DIR)

    seen = [python(LOAD, word, cwd=root) for root, word in ((here, "a"), (there, "b"), (here, "c"), (there, "d"))]

    assert seen == ["['a']", "['b']", "['a', 'c']", "['b', 'd']"]
    assert (here / "same_name.duckdb").is_file()
    assert (there / ".alto/dlt/pipelines/same_name").is_dir()


def test_the_command_line_finds_the_pipeline_from_the_root_and_from_below(project: Path) -> None:
    below = project / "pipelines"
    below.mkdir()
    python(LOAD, "a", cwd=below)

    found = [
        execute(sys.executable, "-m", "dlt", "pipeline", "same_name", "info", cwd=cwd) for cwd in (project, below)
    ]

    for done in found:
        assert f"same_name in {project}/.alto/dlt/pipelines" in done.stdout + done.stderr


def test_a_project_without_data_dir_has_the_places_dlt_has(tmp_path: Path) -> None:
    project = project_at(tmp_path / "plain", "default:\n  project_name: plain\n")

    assert data_dir(project) is None
    assert python(WHERE, cwd=project) == "RunContext True"


def test_a_directory_without_a_project_has_the_places_dlt_has(tmp_path: Path) -> None:
    assert data_dir(tmp_path) is None


def test_without_a_run_directory_the_working_directory_counts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)

    context = plug_run_context(None, None)

    assert context is not None
    assert (context.run_dir, context.local_dir) == (str(project), str(project))


@pytest.mark.parametrize("name", ["DLT_DATA_DIR", "DLT_PROJECT_DIR", "DLT_LOCAL_DIR"])
def test_a_variable_of_dlt_wins(project: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, str(tmp_path))

    assert data_dir(project) is None


def test_disabled_plugins_leave_dlt_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLT_DISABLE_PLUGINS", "true")

    assert python(WHERE, cwd=project) == "RunContext True"


@pytest.mark.parametrize("place", [".", "below"], ids=["at the root", "in the run directory"])
def test_a_workspace_wins(project: Path, place: str) -> None:
    (project / "below").mkdir()
    (project / place / ".dlt").mkdir()
    (project / place / ".dlt/.workspace").touch()

    assert data_dir(project / "below") is None


def test_the_environment_decides_on_the_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_at(tmp_path / "layered", "default: {data_dir: a}\nprod: {data_dir: b}\n")
    (project / ".env").write_text("ALTO_ENV=prod")

    found = [data_dir(project)]
    for name, value in (("ALTO_ENV", "default"), ("ALTO_DATA_DIR", "c")):
        monkeypatch.setenv(name, value)
        found.append(data_dir(project))

    assert found == [str(project / name) for name in "bac"]


def test_a_mistake_elsewhere_in_the_project_file_does_not_stop_dlt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_at(tmp_path / "mistaken", "default: {data_dir: a, tapps: {}, filesystem: 7}")
    (project / "alto.secrets.yaml").write_text("not: [yaml")
    monkeypatch.setenv("ALTO_ENV", "no-such-section")

    assert data_dir(project) == str(project / "a")


def test_an_unreadable_project_file_stops_dlt_and_is_named(tmp_path: Path) -> None:
    project = project_at(tmp_path / "broken", "default: {data_dir: 'a\n")

    with pytest.raises(ConfigError, match=f"{project}/alto.yaml cannot be read"):
        plug_run_context(str(project), None)
    assert data_dir(tmp_path) is None


def test_importing_dlt_beside_an_unreadable_project_file_works(tmp_path: Path) -> None:
    project = project_at(tmp_path / "broken", "default: {data_dir: 'a\n")

    assert python("import dlt; print('imported')", cwd=project) == "imported"


def test_the_context_survives_pickling_reloading_and_switching(project: Path, tmp_path: Path) -> None:
    code = """
import pickle, sys
from dlt.common.runtime.run_context import active, switch_context
context = active()
copy = pickle.loads(pickle.dumps(context))
assert (copy.run_dir, copy.data_dir) == (context.run_dir, context.data_dir)
assert context.reload().data_dir == context.data_dir
assert type(switch_context(sys.argv[1])).__name__ == "RunContext"
assert switch_context(sys.argv[2]).data_dir == context.data_dir
assert switch_context(None, required="SingerRunContext").data_dir == context.data_dir
"""

    python(code, str(tmp_path), str(project), cwd=project)


def test_another_context_that_is_required_is_left_to_its_own_plugin(project: Path) -> None:
    assert plug_run_context(str(project), {"_required": "WorkspaceRunContext"}) is None
    assert plug_run_context(str(project), {"_required": "SingerRunContext"}) is not None


def test_the_configuration_is_not_imported_where_there_is_no_project(tmp_path: Path) -> None:
    code = """
import dlt, sys
dlt.current.run_context()
print(*(f"dlt_singer.{name}" in sys.modules for name in ("run_context", "config")))
"""

    assert python(code, cwd=tmp_path) == "True False"


def test_the_configuration_does_not_import_dlt(tmp_path: Path) -> None:
    code = "import dlt_singer.config, sys; print('dlt' in sys.modules)"

    assert python(code, cwd=tmp_path) == "False"

"""Where a project keeps what it stores: alto's `filesystem` and `bucket` keys, or one `storage_url`.

In: rendered project settings. Out: a URL or path, and options for fsspec with secrets still wrapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dlt_singer.config.grammar import STORE_SETTINGS, STORES
from dlt_singer.config.secret import Setting, reveal
from dlt_singer.errors import ConfigError

_PROTOCOLS = {"adls": "abfs", "azdl": "abfs"}
_FAMILIES = ({"s3", "s3a"}, {"gs", "gcs"}, {"adls", "azdl", "abfs", "abfss", "az"})
DEFAULT_BUCKET_PATH = "alto"
KEYS = frozenset({
    "storage_url", "filesystem", "bucket", "bucket_path", "project_name", *STORE_SETTINGS,
    *(f"{store}_{end}" for store in STORES for end in ("kwargs", "settings")),
})  # fmt: skip
"""The project keys that say where and how to store."""


def storage_url(settings: Mapping[str, Setting], root: Path, home: Path) -> str:
    """Return where the project stores plugins, catalogs, state and reservoir.

    `storage_url` wins. A `filesystem` with a `bucket` gives `<protocol>://<bucket>/<bucket_path>/<project_name>`;
    `filesystem: file` gives `~/.alto/<project_name>`, as in alto. With neither it is `.alto` beside the project
    file, so that two clones never share a store unless they ask to.

    Args:
        settings: The project's settings, references rendered.
        root: The project's directory.
        home: The user's home directory.

    Returns:
        A URL, or an absolute local path.

    Raises:
        ConfigError: A bucket or project name is missing.
    """
    if url := _text(settings, "storage_url"):
        return _local(url, root, home) if "://" not in url else url
    filesystem = _text(settings, "filesystem").lower()
    name = _text(settings, "project_name")
    if not filesystem:
        return str(root / ".alto")
    if filesystem == "file":
        return str(home / ".alto" / (name or "default"))
    for key, value in (("bucket", _text(settings, "bucket")), ("project_name", name)):
        if not value:
            raise ConfigError(
                f"filesystem is '{filesystem}', but there is no {key}.", f"Set {key}, or a storage_url."
            )
    bucket_path = (_text(settings, "bucket_path") or DEFAULT_BUCKET_PATH).strip("/")
    protocol = _PROTOCOLS.get(filesystem, filesystem)
    return "/".join(
        part for part in (f"{protocol}:/", _text(settings, "bucket").strip("/"), bucket_path, name) if part
    )


def storage_options(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return options for fsspec from `filesystem_kwargs`, `filesystem_settings` and `<filesystem>_settings`.

    Args:
        settings: The project's settings, keys in lower case.

    Returns:
        The options, the more specific key's winning, secrets wrapped.
    """
    url = _text(settings, "storage_url") if settings.get("storage_url") else ""
    filesystem = url.partition("://")[0].lower() if "://" in url else _text(settings, "filesystem").lower()
    names = {filesystem, *(name for family in _FAMILIES if filesystem in family for name in family)}
    specific = [f"{name}_{end}" for name in sorted(names - {filesystem}) for end in ("kwargs", "settings")]
    options: dict[str, Setting] = {}
    for key in (*STORE_SETTINGS, *specific, f"{filesystem}_kwargs", f"{filesystem}_settings"):
        given = settings.get(key)
        options.update(given if isinstance(given, Mapping) else {})
    return options


def _text(settings: Mapping[str, Setting], key: str) -> str:
    value = reveal(settings.get(key))
    return value if isinstance(value, str) else ""


def _local(path: str, root: Path, home: Path) -> str:
    if path == "~" or path.startswith("~/"):
        return str(home / path[2:])
    return str(root / path)

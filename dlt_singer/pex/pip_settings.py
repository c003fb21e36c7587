"""The user's pip settings, in uv's words.

In: environment variables and pip's configuration files. Out: variables for uv, which reads none of
pip's. What the user told uv itself wins, one variable at a time.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

_UV_NAMES = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_EXTRA_INDEX_URL", "UV_INDEX"),
    "find-links": ("UV_FIND_LINKS",),
    "no-index": ("UV_NO_INDEX",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE",),
}


def uv_variables(environ: Mapping[str, str], files: Iterable[Path] | None = None) -> dict[str, str]:
    """Return the variables that make uv use the indexes pip would use.

    Args:
        environ: The environment; `PIP_*` wins over pip's files, `UV_*` over both.
        files: pip's configuration files, weakest first; by default those pip would read.

    Example:
        >>> uv_variables({"PIP_INDEX_URL": "https://host/simple"}, files=[])
        {'UV_DEFAULT_INDEX': 'https://host/simple'}
    """
    settings = _pip_settings(environ, pip_files(environ) if files is None else files)
    variables = {}
    for name, value in settings.items():
        uv_names = _UV_NAMES[name]
        if not any(uv_name in environ for uv_name in uv_names):
            # pip lists are split by white space; uv wants commas between places of packages.
            between = "," if name == "find-links" else " "
            variables[uv_names[0]] = between.join(value.split()) if name != "cert" else value
    if "UV_EXTRA_INDEX_URL" in variables and "UV_INDEX_STRATEGY" not in environ:
        # pip takes the best version over all indexes, uv the first index that knows the name.
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return variables


def pip_files(environ: Mapping[str, str]) -> list[Path]:
    """Return the configuration files pip would read, weakest first."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return []
    home = Path(environ.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 - Path.home may raise
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [
        Path("/etc/xdg/pip/pip.conf"),
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        home / "Library" / "Application Support" / "pip" / "pip.conf",
        config_home / "pip" / "pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]
    return [*files, Path(chosen)] if chosen else files


def _pip_settings(environ: Mapping[str, str], files: Iterable[Path]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update({k.replace("_", "-"): v for k, v in parser.items(section)})
    for name in _UV_NAMES:
        value = environ.get("PIP_" + name.upper().replace("-", "_"))
        if value is not None:
            settings[name] = value
    return {name: settings[name] for name in _UV_NAMES if settings.get(name, "").strip()}

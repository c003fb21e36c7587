"""alto's grammar: which keys a project and a plugin have, and what their values look like.

In: one layer's settings. Out: nothing, or an error that names the key's path. Values never appear in errors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from dlt_singer.config.secret import Secret, Setting
from dlt_singer.errors import ConfigError, UnknownKeyError, did_you_mean

KINDS = {"taps": "tap", "targets": "target", "utilities": "utility"}
"""A project's maps of plugins, and what one plugin of each is called."""
MASKS = ("sha256", "null", "redact")
"""What a mask makes of a value."""
STORES = ("file", "s3", "s3a", "gs", "gcs", "adls", "azdl", "az", "abfs", "abfss")
MEANT_FOR_OTHERS = frozenset({"ALTO_ENV", "ALTO_PLUGIN", "ALTO_ROOT", "ALTO_RICH_UI"})
"""Variables with alto's prefix that are no settings."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the value of a key looks like.

    Attributes:
        expected: The form in words.
        holds: Tells whether a value has it.
        model: The type that text from the environment is cast to.
        hint: What to do if it does not hold.
    """

    expected: str
    holds: Callable[[object], bool]
    model: type = str
    hint: str = ""


class Keys(Mapping[str, Form]):
    """The keys one level of the grammar has, by name."""

    def __init__(self, forms: Mapping[str, Form]) -> None:
        self._forms = dict(forms)

    def __getitem__(self, key: str) -> Form:
        return self._forms[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._forms)

    def __len__(self) -> int:
        return len(self._forms)

    def names(self) -> Collection[str]:
        """Return the names."""
        return self._forms.keys()


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str | Secret) for item in value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_scalars(value: object) -> bool:
    return isinstance(value, Mapping) and not any(isinstance(v, Mapping | list) for v in value.values())


def _is_mappings(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(v, Mapping | None) for v in value.values())


def one_of(*words: str) -> Form:
    """Return the form of a word out of a few."""
    return Form(f"one of {', '.join(words)}", lambda value: isinstance(value, str) and value.lower() in words)


def _is_masks(value: object) -> bool:
    # YAML reads a bare `null` as nothing.
    known = (None, *MASKS)
    return isinstance(value, Mapping) and all(isinstance(v, Secret) or v in known for v in value.values())


ANYTHING = Form("anything", lambda _: True, object)
TEXT = Form("a string", _is_text)
TEXTS = Form("a list of strings", _is_texts, list)
COMMAND = Form(
    "a list of strings", _is_texts, list, hint="Write program and arguments as a list: [./tap-x, --fast]."
)
TEXT_OR_TEXTS = Form("a string or a list of strings", lambda value: _is_text(value) or _is_texts(value), list)
FLAG = Form("true or false", lambda value: isinstance(value, bool), bool)
COUNT = Form("a whole number, zero or more", _is_count, int)
SECONDS = Form("a number of seconds, zero or more", _is_seconds, float)
MAPPING = Form("a mapping", lambda value: isinstance(value, Mapping), dict)
MAPPINGS = Form("a mapping of mappings", _is_mappings, dict, hint="Write each `name:`, and its own keys below it.")
PARTITIONS = Form(
    "a mapping of mappings", _is_mappings, dict, hint="Write each partition's name, and its settings below it."
)
SCALARS = Form("a mapping of names to plain values", _is_scalars, dict)
VERSION = Form("a string or a number", lambda v: isinstance(v, str | int | float) and not isinstance(v, bool))
PYTHON = Form("a string", _is_text, hint="Put the version in quotes: python: '3.10' (a bare 3.10 is 3.1).")
MASK = Form(
    "a mapping of `stream.property` to sha256, null or redact", _is_masks, dict,
    hint="Write each rule as `stream.property: sha256`; the others are null and redact.",
)  # fmt: skip
PLACE = Form(
    "true, false or a URL", lambda value: isinstance(value, bool | str), object,
    hint="`true` uses the project's own store; a URL names another one.",
)  # fmt: skip
# YAML reads a bare `off` as false.
BACKEND = one_of("auto", "arrow", "rows")
ON_ERROR = one_of("fail", "keep_completed")
_PROGRESS = ("auto", "live", "lines", "off")
PROGRESS = Form(f"one of {', '.join(_PROGRESS)}", lambda value: value is False or value in _PROGRESS)
DELETES = Form("one of hard, soft, off", lambda value: value is False or value in ("hard", "soft", "off"))

_COMMON = {
    "pip_url": TEXT, "command": COMMAND, "executable": TEXT, "entrypoint": TEXT, "python": PYTHON,
    "inherit_from": TEXT, "environment": SCALARS, "_version": VERSION, "load_path": TEXT,
}  # fmt: skip
_TAP = _COMMON | {
    "config": MAPPING, "capabilities": TEXT_OR_TEXTS, "select": TEXT_OR_TEXTS, "streams": TEXT_OR_TEXTS,
    "metadata": MAPPINGS, "schema": MAPPINGS, "catalog": TEXT, "stream_maps": ANYTHING,
    "version_column": FLAG, "deletes": DELETES, "max_table_nesting": COUNT, "backend": BACKEND,
    "build": FLAG, "discover": FLAG, "discover_timeout_s": SECONDS, "timeout_s": SECONDS, "idle_timeout_s": SECONDS,
    "max_line_bytes": COUNT, "on_error": ON_ERROR, "parallel": COUNT, "reservoir": PLACE, "resume": FLAG,
    "checkpoint_s": SECONDS, "progress": PROGRESS, "progress_s": SECONDS, "summary_table": FLAG,
    "mask": MASK, "mask_salt": TEXT, "partitions": PARTITIONS,
}  # fmt: skip
_PLUGIN_KEYS = {
    "taps": Keys(_TAP),
    "targets": Keys(_COMMON | {"config": MAPPING, "capabilities": TEXT_OR_TEXTS}),
    "utilities": Keys(_COMMON | {"config": ANYTHING, "home": TEXT, "strict": FLAG, "database": TEXT}),
}
STORE_SETTINGS = ("filesystem_kwargs", "filesystem_settings")
project_form = Keys(
    {
        "project_name": TEXT, "load_path": TEXT, "data_dir": TEXT, "storage_url": TEXT, "env": TEXT,
        "filesystem": one_of(*STORES), "bucket": TEXT, "bucket_path": TEXT, "environment": SCALARS,
        "extensions": TEXTS, "reservoir_buffer_size": COUNT, "reservoir": PLACE, "resume": FLAG, "discover": FLAG,
        "parallel": COUNT, "on_error": ON_ERROR, "checkpoint_s": SECONDS, "build": FLAG,
        "progress": PROGRESS, "progress_s": SECONDS, "summary_table": FLAG,
        "mask_salt": TEXT,
    }
    | dict.fromkeys(KINDS, MAPPINGS)
    | dict.fromkeys(STORE_SETTINGS, MAPPING)
    | dict.fromkeys((f"{store}_{end}" for store in STORES for end in ("settings", "kwargs")), MAPPING)
)  # fmt: skip
"""The keys of an environment's section, in lower case."""


def check_name(name: str, what: str) -> None:
    """Refuse a name that is no name of a folder: logs, catalogs and the reservoir are kept under it.

    Args:
        name: The name.
        what: Whose it is, for the error.

    Raises:
        ConfigError: It would lead elsewhere, or nowhere.
    """
    if not name or name.startswith(".") or any(letter in "/\\" or not letter.isprintable() for letter in name):
        raise ConfigError(
            f"{what} cannot be called {name!r}: what is kept of it is in folders of that name.",
            "Use letters, digits, '-', '_' and '.', and no '.' in front.",
        )


def plugin_form(kind: str) -> Keys:
    """Return the keys a plugin of the map `kind` (`taps`, `targets`, `utilities`) has."""
    return _PLUGIN_KEYS[kind]


def check(section: Mapping[str, Setting], path: str, where: str, targets: Collection[str]) -> None:
    """Refuse keys the grammar does not have, and values of another form.

    Args:
        section: One layer's settings in the project's shape, not yet interpolated.
        path: What leads to the section inside `where`, with its dot; may be empty.
        where: A file's name or what else the layer is called.
        targets: Names of all targets, which a tap may override the config of.

    Raises:
        UnknownKeyError: A key is unknown.
        ConfigError: A value has another form than its key asks for.
    """
    _check_level(section, project_form, path, where, "a project")
    for kind, noun in KINDS.items():
        plugins = section.get(kind)
        for name, spec in plugins.items() if isinstance(plugins, Mapping) else ():
            if not isinstance(spec, Mapping):
                continue
            keys = plugin_form(kind)
            if kind == "taps":
                keys = Keys(dict.fromkeys(targets, MAPPING) | dict(keys))
            _check_level(spec, keys, f"{path}{kind}.{name}.", where, f"a {noun}")


def _check_level(level: Mapping[str, Setting], keys: Keys, path: str, where: str, owner: str) -> None:
    for key, value in level.items():
        if key not in keys:
            hint = did_you_mean(key, keys.names())
            known = ", ".join(sorted(keys.names()))
            own = " What the tap itself asks for stands under its `config`." if owner == "a tap" else ""
            raise UnknownKeyError(
                f"Unknown key '{key}' at {path}{key} in {where}.",
                f"{hint} The keys of {owner} are: {known}.{own}".lstrip(),
            )
        check_value(value, keys[key], f"{path}{key} in {where}")


def check_value(value: Setting, form: Form, path: str) -> None:
    """Refuse a value that has another form than its key asks for.

    Secrets and text still to be interpolated pass: they are checked once their value is there.

    Args:
        value: The setting.
        form: What it should look like.
        path: Where it stands.

    Raises:
        ConfigError: It looks different.
    """
    pending = value is None or isinstance(value, Secret) or (isinstance(value, str) and value.startswith("@"))
    if not pending and not form.holds(value):
        kind = "mapping" if isinstance(value, Mapping) else type(value).__name__
        raise ConfigError(
            f"{path} is a value of type {kind}; expected {form.expected}.",
            form.hint or f"Write {form.expected}.",
        )

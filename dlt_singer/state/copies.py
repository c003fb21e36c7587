"""Copies of committed states in the store, in alto's layout; none is ever overwritten but the newest's pointer.

`state/<env>/<tap>-to-<pipeline>_<dataset>.json` is the newest, `.<timestamp>.json` beside it each one that was.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from dlt_singer._types import JSON
from dlt_singer.errors import StorageError
from dlt_singer.storage import Store

if TYPE_CHECKING:
    from dlt.common.pipeline import SupportsPipeline

_MOMENT = re.compile(r"\.(\d{12,20})\.json$")
_ALTO_MOMENT = "%Y%m%d%H%M"
_OUR_MOMENT = "%Y%m%d%H%M%S%f"


@dataclass(frozen=True, slots=True)
class StateCopy:
    """One committed state as it was kept.

    Attributes:
        name: Its timestamp, by which it is asked for.
        moment: The same as a moment.
        key: Its key in the store.
    """

    name: str
    moment: datetime
    key: str


def target_of(pipeline: SupportsPipeline) -> str:
    """Return the name of a pipeline's dataset in the names of copies: `<pipeline>_<dataset>`."""
    return "_".join(filter(None, (pipeline.pipeline_name, pipeline.dataset_name)))


def keep_copy(store: Store, env: str, tap: str, target: str, state: JSON) -> bool:
    """Keep a committed state in the store; earlier ones stay.

    Args:
        store: The project's store.
        env: The environment.
        tap: The tap's name.
        target: `<pipeline>_<dataset>`.
        state: The Singer state.

    Returns:
        Whether it differs from the newest copy and was written.
    """
    prefix = _prefix(env, tap, target)
    text = json.dumps(state, indent=2, sort_keys=True).encode()
    if store.read(f"{prefix}.json") == text:
        return False
    moment = datetime.now(timezone.utc).strftime(_OUR_MOMENT)
    store.write(f"{prefix}.{moment}.json", text)
    store.write(f"{prefix}.json", text)
    return True


def copies(store: Store, env: str, tap: str, target: str) -> list[StateCopy]:
    """Return the copies that are kept of a state, the newest first.

    Args:
        store: The project's store.
        env: The environment.
        tap: The tap's name.
        target: `<pipeline>_<dataset>`.

    Raises:
        StorageError: The store cannot be reached.
    """
    prefix = _prefix(env, tap, target)
    found = [copy for key in store.list(f"{prefix}.") if (copy := _copy(key, prefix))]
    return sorted(found, key=lambda copy: copy.moment, reverse=True)


def read_copy(store: Store, copy: StateCopy) -> JSON:
    """Return the state in a copy.

    Raises:
        StorageError: It is gone, or cannot be read.
    """
    text = store.read(copy.key)
    try:
        value: JSON = json.loads(text or b"")
    except (ValueError, RecursionError):
        raise StorageError(f"The copy '{copy.key}' in {store.url} is no JSON.", "Choose another one.") from None
    return value


def _copy(key: str, prefix: str) -> StateCopy | None:
    found = _MOMENT.fullmatch(key[len(prefix) :])
    if found is None:
        return None
    name = found[1]
    form = _ALTO_MOMENT if len(name) == len("202401010000") else _OUR_MOMENT
    try:
        moment = datetime.strptime(name, form).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return StateCopy(name, moment, key)


def _prefix(env: str, tap: str, target: str) -> str:
    return f"state/{env}/{tap}-to-{target}"

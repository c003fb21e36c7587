"""`inherit_from`: a plugin's settings over those of its parents.

In: all plugins of one kind. Out: one plugin's complete settings and the name of its root definition.
"""

from __future__ import annotations

from collections.abc import Mapping

from dlt_singer.config.layers import Settings, merge
from dlt_singer.config.secret import Setting, reveal
from dlt_singer.errors import InheritanceError, did_you_mean


def inherited(name: str, plugins: Mapping[str, Setting], kind: str) -> tuple[Settings, str]:
    """Return a plugin's settings with its parents' below them.

    Args:
        name: The plugin.
        plugins: All plugins of its kind, by name.
        kind: Their map's key: `taps`, `targets` or `utilities`.

    Returns:
        The settings, lists replaced by a child's, and the name at the root of the chain.

    Raises:
        InheritanceError: A parent is missing, or the chain is a loop.
    """
    chain = _chain(name, plugins)
    settings: Settings = {}
    for ancestor in reversed(chain):
        settings = merge(settings, _spec(ancestor, plugins), path=(kind, name))
    return settings, chain[-1]


def _chain(name: str, plugins: Mapping[str, Setting]) -> list[str]:
    chain = [name]
    while (parent := reveal(_spec(chain[-1], plugins).get("inherit_from"))) is not None:
        if not isinstance(parent, str) or parent not in plugins:
            raise InheritanceError(
                f"'{chain[-1]}' inherits from '{parent}', which is not defined.",
                f"{did_you_mean(str(parent), plugins)} Known: {', '.join(plugins)}.".lstrip(),
            )
        if parent in chain:
            loop = " → ".join([*chain[chain.index(parent) :], parent])
            raise InheritanceError(f"Inheritance is a loop: {loop}.", "Remove one `inherit_from` of it.")
        chain.append(parent)
    return chain


def _spec(name: str, plugins: Mapping[str, Setting]) -> Settings:
    spec = plugins.get(name)
    return spec if isinstance(spec, Mapping) else {}

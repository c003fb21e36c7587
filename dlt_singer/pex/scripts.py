"""Which command of a plugin is the plugin.

In: what the user said, the plugin's name, the commands its packages installed. Out: one of them. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dlt_singer.errors import PluginBuildError, did_you_mean


@dataclass(frozen=True, slots=True)
class Script:
    """The chosen command.

    Attributes:
        name: A console script.
        note: What to tell the user about the choice; empty if it is the one that was asked for.
    """

    name: str
    note: str = ""


def choose_script(plugin: str, executable: str | None, installed: Collection[str]) -> Script:
    """Return the console script that is the plugin.

    Args:
        plugin: The plugin's name, which is its script's unless said otherwise.
        executable: What the user said, if anything; then nothing else will do.
        installed: The console scripts that are there.

    Raises:
        PluginBuildError: It is not there; the error lists those that are.

    Example:
        >>> choose_script("tap-github", None, ["tap-github", "normalizer"]).name
        'tap-github'
    """
    wanted = executable or plugin
    if wanted in installed:
        return Script(wanted)
    taps = [name for name in installed if name.startswith(("tap-", "target-"))]
    if executable is None and len(taps) == 1:
        # `pipelinewise-tap-mysql` and `tap-mysql-orders` are plain enough about `tap-mysql`.
        alike = taps[0] in plugin
        note = "" if alike else f"{plugin} has no command '{plugin}'; using its only tap, '{taps[0]}'."
        return Script(taps[0], note)
    hint = did_you_mean(wanted, installed)
    raise PluginBuildError(
        f"{plugin} was installed, but has no command '{wanted}'. There are: "
        f"{', '.join(sorted(installed)) or 'none'}.",
        f"{hint} Set `executable:` (a command) or `entrypoint:` (module:function).".lstrip(),
    )

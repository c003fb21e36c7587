"""`alto.yaml` and everything layered over it, as frozen `Project` and `Plugin`.

In: a directory, an environment's name, overlays. Out: typed settings; secrets stay wrapped until a run needs
them. Knows no dlt; only `files` opens files.
"""

from __future__ import annotations

from dlt_singer.config.files import find_project_file, load_project, read_data_dir
from dlt_singer.config.layers import Overlays, identifier
from dlt_singer.config.partitions import partition_name, partition_of, split_name
from dlt_singer.config.plugin import Plugin
from dlt_singer.config.project import Project
from dlt_singer.config.secret import Secret, looks_secret, mask, reveal, wrap

__all__ = [
    "Overlays",
    "Plugin",
    "Project",
    "Secret",
    "find_project_file",
    "identifier",
    "load_project",
    "looks_secret",
    "mask",
    "partition_name",
    "partition_of",
    "read_data_dir",
    "reveal",
    "split_name",
    "wrap",
]

"""The drills: what goes wrong, how it is provoked, what must hold then."""

from __future__ import annotations

import signal

from tests.drills.drill import Drill
from tests.drills.provoking import (
    a_clock,
    a_damaged_plugin,
    a_full_disk,
    a_hollow_plugin,
    a_signal,
    at_once,
    no_mounts,
    the_store,
    the_tap,
)

DAY_S = 86_400.0
QUICK = {"idle_timeout_s": 1}

SHORT = ("two runs at once", "kill -9 of the pipeline")
"""Those that every run of the tests does."""
DRILLS = (
    Drill("the tap exits with 1", the_tap("exits with 1"), says="ended with exit code 1"),
    Drill("the tap exits with 137", the_tap("exits with 137"), says="exit code 137 (SIGKILL"),
    Drill("the tap dies by SIGSEGV", the_tap("dies by SIGSEGV"), says="was killed by SIGSEGV"),
    Drill("the tap fails after its last record", the_tap("exits with 1 after its last record"), says="exit code 1"),
    Drill("the tap fails before its SCHEMA", the_tap("exits with 1 before its SCHEMA"), says="exit code 1"),
    Drill("records before their SCHEMA", the_tap("sends records before their SCHEMA"), says="before its SCHEMA"),
    Drill("stdout closed, the tap lives", the_tap("closes stdout and lives"), says="idle_timeout_s", tap=QUICK),
    Drill("a child holds stdout", the_tap("leaves a child that holds stdout"), "holds"),
    Drill("a child holds stdout, the tap fails", the_tap("leaves a child and exits with 1"), says="exit code 1"),
    Drill("the tap hangs", the_tap("hangs"), says="idle_timeout_s", tap=QUICK),
    Drill("the tap never ends", the_tap("never ends"), says="timeout_s", tap={"timeout_s": 2}),
    Drill("200 MB on stderr", the_tap("floods stderr"), "holds", rss_mb=100),
    Drill("logging without end", the_tap("never stops logging"), says="idle_timeout_s", tap=QUICK),
    Drill("binary on stdout", the_tap("prints binary"), says="no Singer messages"),
    Drill("half a line", the_tap("ends in half a line"), says="in the middle of line"),
    Drill("a byte order mark", the_tap("begins with a BOM"), says="line 1"),
    Drill("a STATE in Latin-1", the_tap("prints Latin-1"), says="broken message"),
    Drill("disk full: dlt's directory", a_full_disk("dlt"), says="No space left", needs=no_mounts),
    Drill("disk full: temporary files", a_full_disk("tmp"), "holds", needs=no_mounts),
    Drill("disk full: reservoir", a_full_disk(".alto/reservoir"), says="No space left", needs=no_mounts),
    Drill("disk full: log", a_full_disk(".alto/logs"), "holds", says="cannot be written", needs=no_mounts),
    Drill("disk full: all of the store", a_full_disk(".alto"), says="No space left", needs=no_mounts),
    Drill("store unreachable", the_store("hang up"), says="the store did not answer", store="s3"),
    Drill("store busy", the_store("busy"), says="the store did not answer", store="s3"),
    Drill("store silent", the_store("silent"), says="the store did not answer", store="s3"),
    Drill("store slow", the_store("slow"), "holds", store="s3"),
    Drill("every fifth request fails", the_store("busy/5"), "holds", store="s3"),
    Drill("every fifth answer is lost", the_store("answer lost/5"), "holds", store="s3"),
    Drill("the clock is a day behind", a_clock(-DAY_S, -DAY_S), "holds", rounds=2),
    Drill("the clock goes back within a run", a_clock(0, -DAY_S), "holds", rounds=2),
    Drill("a PEX cut in half", a_damaged_plugin, "holds", says="is not the file that was built"),
    Drill("an emptied module of an unpacked PEX", a_hollow_plugin, "holds"),
    Drill("two runs at once", at_once, "holds", rounds=5),
    Drill("SIGTERM at any moment", a_signal(signal.SIGTERM), "either", rounds=20),
    Drill("Ctrl-C at any moment", a_signal(signal.SIGINT), "either", rounds=20),
    Drill("kill -9 of the pipeline", a_signal(signal.SIGKILL), "either", rounds=70),
    Drill("kill -9 of the tap", a_signal(signal.SIGKILL, to_tap=True), "either", rounds=30),
    Drill("kill -9 of the pipeline", a_signal(signal.SIGKILL), "either", rounds=70, store="s3"),
    Drill("kill -9 of the tap", a_signal(signal.SIGKILL, to_tap=True), "either", rounds=30, store="s3"),
)

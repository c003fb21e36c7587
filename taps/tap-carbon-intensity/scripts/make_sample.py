"""Write the simulated week `tap_carbon_intensity/sample.json.gz`.

Same output every time: seeded noise over daily and weekly curves, a weather front for the wind, and a
capacity mix per region. No figure was measured. With the tap installed: `python scripts/make_sample.py`.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tap_carbon_intensity import sample

NOTICE = "SIMULATED: made by scripts/make_sample.py, not measured and not forecast by anyone."
SEED = 20240101
HALF_HOUR = timedelta(minutes=30)

# Grams of CO2 per kWh; imports are a blend.
FUELS = {
    "biomass": 120, "coal": 937, "imports": 140, "gas": 394, "nuclear": 0, "other": 300,
    "hydro": 0, "solar": 0, "wind": 0,
}  # fmt: skip
# Upper bounds of the intensity's names in January 2024.
INDEX = ((39, "very low"), (119, "low"), (199, "moderate"), (279, "high"), (math.inf, "very high"))

# Capacity weights in the order of FUELS.
REGIONS: Sequence[tuple[str, str, Sequence[int]]] = (
    ("Scottish Hydro Electric Power Distribution", "North Scotland", (2, 0, 0, 6, 0, 1, 26, 1, 64)),
    ("SP Distribution", "South Scotland", (3, 0, 1, 6, 28, 1, 4, 2, 55)),
    ("Electricity North West", "North West England", (4, 0, 4, 16, 40, 1, 1, 3, 31)),
    ("NPG North East", "North East England", (12, 0, 8, 12, 38, 1, 0, 3, 26)),
    ("NPG Yorkshire", "Yorkshire", (38, 1, 3, 34, 0, 2, 0, 4, 18)),
    ("SP Manweb", "North Wales & Merseyside", (2, 0, 6, 34, 2, 1, 4, 4, 47)),
    ("WPD South Wales", "South Wales", (3, 0, 0, 70, 0, 2, 1, 8, 16)),
    ("WPD West Midlands", "West Midlands", (10, 1, 8, 48, 8, 3, 1, 8, 13)),
    ("WPD East Midlands", "East Midlands", (12, 6, 6, 46, 1, 3, 0, 9, 17)),
    ("UKPN East", "East England", (5, 0, 14, 26, 22, 1, 0, 9, 23)),
    ("WPD South West", "South West England", (2, 0, 12, 42, 10, 2, 1, 17, 14)),
    ("SSE South", "South England", (4, 0, 22, 40, 8, 2, 0, 13, 11)),
    ("UKPN London", "London", (4, 0, 30, 38, 10, 2, 0, 6, 10)),
    ("UKPN South East", "South East England", (2, 0, 42, 22, 18, 1, 0, 8, 7)),
    ("England", "England", (9, 1, 14, 34, 16, 2, 0, 8, 16)),
    ("Scotland", "Scotland", (3, 0, 1, 6, 20, 1, 10, 2, 57)),
    ("Wales", "Wales", (3, 0, 2, 56, 1, 2, 2, 6, 28)),
    ("GB", "GB", (8, 1, 11, 31, 15, 2, 2, 7, 23)),
)


def main() -> None:
    """Write the file beside the package's modules."""
    text = json.dumps({"simulated": NOTICE, "data": list(half_hours())}, separators=(",", ":"))
    # mtime=0: the same bytes on every run.
    Path(sample.__file__).with_name(sample.FILE_NAME).write_bytes(gzip.compress(text.encode(), mtime=0))


def half_hours() -> Iterator[Mapping[str, object]]:
    """Yield the week's half-hours in the API's own shape."""
    noise = random.Random(SEED)  # noqa: S311 - repeatable on purpose, nothing secret
    drift = [0.0] * len(REGIONS)
    start = sample.START
    while start < sample.END:
        drift = [0.95 * value + noise.gauss(0, 0.05) for value in drift]
        yield {
            "from": f"{start:%Y-%m-%dT%H:%MZ}",
            "to": f"{start + HALF_HOUR:%Y-%m-%dT%H:%MZ}",
            "regions": [region(number, start, drift[number - 1]) for number in range(1, len(REGIONS) + 1)],
        }
        start += HALF_HOUR


def region(number: int, start: datetime, drift: float) -> Mapping[str, object]:
    """Return one region in one half-hour; `drift` moves its wind."""
    dnoregion, shortname, weights = REGIONS[number - 1]
    tenths = shares([weight * factor for weight, factor in zip(weights, factors(start, drift), strict=True)])
    forecast = round(sum(grams * share for grams, share in zip(FUELS.values(), tenths, strict=True)) / 1000)
    return {
        "regionid": number,
        "dnoregion": dnoregion,
        "shortname": shortname,
        "intensity": {
            "forecast": forecast,
            "index": next(name for bound, name in INDEX if forecast <= bound),
        },
        "generationmix": [{"fuel": fuel, "perc": share / 10} for fuel, share in zip(FUELS, tenths, strict=True)],
    }


def factors(start: datetime, drift: float) -> Sequence[float]:
    """Return how much of its weight each fuel runs at: sun by day, a front by the week, gas fills up."""
    hour = start.hour + start.minute / 60
    day = (start - sample.START) / timedelta(days=1)
    sun = max(0.0, math.sin(math.pi * (hour - 8) / 8)) if 8 <= hour <= 16 else 0.0  # noqa: PLR2004 - winter daylight
    wind = max(0.05, 0.75 + 0.45 * math.sin(2 * math.pi * (day - 1) / 5) + drift)
    demand = 0.8 + 0.25 * math.exp(-(((hour - 18) / 3) ** 2)) + 0.12 * math.exp(-(((hour - 9) / 3) ** 2))
    gas = max(0.1, 1.6 * demand - 0.7 * wind - 0.2 * sun)
    return (1.0, gas, demand, gas, 1.0, 1.0, demand, 0.5 * sun, wind)


def shares(parts: Sequence[float]) -> Sequence[int]:
    """Return tenths of a percent that sum to exactly 1000, by largest remainder."""
    exact = [1000 * part / sum(parts) for part in parts]
    tenths = [math.floor(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: tenths[i] - exact[i])
    for i in by_remainder[: 1000 - sum(tenths)]:
        tenths[i] += 1
    return tenths


if __name__ == "__main__":
    main()

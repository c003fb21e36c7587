"""`python -m tap_carbon_intensity` is `tap-carbon-intensity`."""

from tap_carbon_intensity.tap import TapCarbonIntensity

if __name__ == "__main__":
    TapCarbonIntensity.cli()

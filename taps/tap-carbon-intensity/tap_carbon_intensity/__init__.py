"""Singer tap for the Carbon Intensity API of Great Britain."""

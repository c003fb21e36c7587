"""Any Singer tap, as a native dlt source."""

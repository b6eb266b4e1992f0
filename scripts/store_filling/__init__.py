"""Fills the store that EdgeKit ships: see `scripts/fill-store --help`."""

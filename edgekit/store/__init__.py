"""What tuning has found, kept for good: a SQLite file of the user's, and a text file that EdgeKit ships."""

from __future__ import annotations

from edgekit.store.database import Store, store_path
from edgekit.store.ranking import NO_GAIN, Found, Gain, Records, Wanted, best_record, fastest, nearest_record
from edgekit.store.record import Record, Source, Unit
from edgekit.store.shipped import RecordSet, shipped_records
from edgekit.store.text import read_text, write_text

__all__ = [
    "NO_GAIN",
    "Found",
    "Gain",
    "Record",
    "RecordSet",
    "Records",
    "Source",
    "Store",
    "Unit",
    "Wanted",
    "best_record",
    "fastest",
    "nearest_record",
    "read_text",
    "shipped_records",
    "store_path",
    "write_text",
]

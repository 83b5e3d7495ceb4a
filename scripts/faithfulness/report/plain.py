"""Types of what pages are made of: plain values, whose types only the templates and the tables know."""

from collections.abc import Mapping
from typing import Any

Shown = dict[str, Any]  # what a template shows, by name
Plain = Mapping[str, Any]  # the configuration or a record, as JSON would hold it
NamedRow = Any  # a row of DataFrame.itertuples, whose attributes are its columns

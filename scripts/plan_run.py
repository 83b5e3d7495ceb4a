"""What would a run take? Tokens, hours and cost, from its configuration alone: `make plan CONFIG=config/mine.yaml`.

Nothing is fetched, loaded or asked; what lies on this disk already is looked at. A run that is finished stands beside.
"""

import argparse
import logging
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from faithfulness.config import settings
from faithfulness.operate import planning
from faithfulness.operate.planning import Assumptions, Plan
from faithfulness.tables.io import frame, write_table

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Read, count, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", default=ROOT / "config/config.yaml", help="default: %(default)s")
    parser.add_argument("--csv", type=Path, help="file for the plan as a table, a line a rule and model")
    for known in fields(Assumptions):
        default = None if known.default is MISSING else known.default
        said = "measured on this machine" if default is None else default
        parser.add_argument(
            f"--{known.name.replace('_', '-')}",
            type=known.type,
            default=default,
            metavar="N",
            help=f"{known.metadata['meaning']} (default: {said})",
        )
    given = vars(parser.parse_args())
    file, table = given.pop("config"), given.pop("csv")
    if given["flops"] is None:
        given["flops"] = planning.measured_flops()
    known, resources = Assumptions(**given), Path("resources")
    config = read(ROOT / "config/config.yaml")
    update_config(config, read(file))  # as Snakemake lays one over the other
    configured = settings.load(config, read(ROOT / "config/datasets.yaml"))
    settings.check_paths(configured)
    lines = planning.plan(configured, known, resources)
    used = planning.used(configured)
    lines["used"] = [used.get((row.rule, row.model)) for row in lines.itertuples()]
    if table:
        write_table(lines, Plan, table)
    print(planning.show(frame(lines, Plan), configured, known, resources))


def read(file: Path) -> dict[str, Any]:
    """A configuration as plain values."""
    return yaml.safe_load(Path(file).read_text("utf-8"))


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # of libraries that are only looked into
    try:
        main()
    except (OSError, ValueError) as error:  # SettingsError is a ValueError
        sys.exit(str(error))

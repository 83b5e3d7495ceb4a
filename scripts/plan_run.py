"""What would a run take? Tokens, hours and cost, from its configuration alone: `make plan CONFIG=config/mine.yaml`.

Nothing is fetched, and no model is loaded or sent a request; files that are already on this disk are read. For a
finished run, what it used is shown beside the plan.
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
from faithfulness.operate.cost import Assumptions
from faithfulness.operate.plan.expected import Plan, expected, measured_flops
from faithfulness.operate.plan.show import show
from faithfulness.operate.plan.used import used
from faithfulness.tables.io import frame, write_table

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Read the configuration, count, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", default=ROOT / "config/config.yaml", help="default: %(default)s")
    parser.add_argument("--csv", type=Path, help="file for the plan as a table, one line for each rule and model")
    for option in fields(Assumptions):
        default = None if option.default is MISSING else option.default
        shown = "measured on this machine" if default is None else default
        parser.add_argument(
            f"--{option.name.replace('_', '-')}",
            type=option.type,
            default=default,
            metavar="N",
            help=f"{option.metadata['meaning']} (default: {shown})",
        )
    options = vars(parser.parse_args())
    file, table = options.pop("config"), options.pop("csv")
    if options["flops"] is None:
        options["flops"] = measured_flops()
    assumed, resources = Assumptions(**options), Path("resources")
    config = read(ROOT / "config/config.yaml")
    update_config(config, read(file))  # as Snakemake merges configuration files
    configured = settings.load(config, read(ROOT / "config/datasets.yaml"))
    settings.check_paths(configured)
    rows = expected(configured, assumed, resources)
    finished = used(configured)
    rows["used"] = [finished.get((rule, model)) for rule, model in zip(rows["rule"], rows["model"], strict=True)]
    if table:
        write_table(rows, Plan, table)
    print(show(frame(rows, Plan), configured, assumed, resources))


def read(file: Path) -> dict[str, Any]:
    """A configuration as plain values."""
    return yaml.safe_load(Path(file).read_text("utf-8"))


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # warnings of the libraries that are imported
    try:
        main()
    except (OSError, ValueError) as error:  # SettingsError is a ValueError
        sys.exit(str(error))

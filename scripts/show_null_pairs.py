"""Show how often a finished run would have called arms different between which nothing but chance differs."""

import argparse

from faithfulness.compare.null_pairs import alarms, lines
from faithfulness.tables.controls import NullPairs
from faithfulness.tables.io import read_table


def main() -> None:
    """Print the verdicts of each pair, then the count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("null_pairs", help="null_pairs.csv of the run")
    table = read_table(parser.parse_args().null_pairs, NullPairs)
    print("\n".join(lines(table)))
    print(alarms(table) or "The run has no pair that differs by chance alone.")


if __name__ == "__main__":
    main()

"""Prepare a finished run again, from the record beside its report: `make reproduce PROVENANCE=results/provenance.json`.

Writes its configuration to a file, lists what differs here, and prints the command that runs it. Nothing is run, and
this checkout stays at its commit; with --checkout, a worktree of the recorded commit is made in a new folder.
"""

import argparse
import shlex
import sys
from pathlib import Path

from faithfulness.operate.provenance.record import ProvenanceError, load
from faithfulness.operate.provenance.reproduce import ROOT, checkout, differences, write_configuration


def main() -> None:
    """Read the record, check out its commit, write its configuration, and list what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("provenance", help="provenance.json of the run")
    parser.add_argument("--checkout", type=Path, metavar="FOLDER", help="make a worktree of the run's commit there")
    arguments = parser.parse_args()
    record = load(arguments.provenance)
    folder = arguments.checkout or ROOT
    if arguments.checkout:
        checkout(record, folder)
    file = write_configuration(record, folder)
    lines = [f"  {line}" for line in differences(record, folder)]
    print("\n".join(["What differs from the run:", *lines]) if lines else "Nothing differs.")
    change_folder = f"cd {shlex.quote(str(folder))} && " if arguments.checkout else ""
    print(f"To make it again:\n  {change_folder}make report CONFIG={file}")


if __name__ == "__main__":
    try:
        main()
    except ProvenanceError as error:
        sys.exit(str(error))

"""Make a finished run again, from the record beside its report: `make reproduce PROVENANCE=results/provenance.json`.

Writes its configuration to a file, says what is different here, and prints the command that runs it. Nothing is run,
and this checkout stays at its commit; with --checkout, a worktree of the recorded commit is made in a new folder.
"""

import argparse
import shlex
import sys
from pathlib import Path

from faithfulness.operate import provenance
from faithfulness.operate.provenance import ROOT, ProvenanceError


def main() -> None:
    """Read, check out, write, compare, say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("provenance", help="provenance.json of the run")
    parser.add_argument("--checkout", type=Path, metavar="FOLDER", help="make a worktree of the run's commit there")
    given = parser.parse_args()
    record = provenance.load(given.provenance)
    folder = given.checkout or ROOT
    if given.checkout:
        provenance.checkout(record, folder)
    file = provenance.write_configuration(record, folder)
    found = provenance.differences(record, folder)
    print("\n".join(["What differs from the run:", *(f"  {line}" for line in found)]) if found else "Nothing differs.")
    there = f"cd {shlex.quote(str(folder))} && " if given.checkout else ""
    print(f"To make it again:\n  {there}make report CONFIG={file}")


if __name__ == "__main__":
    try:
        main()
    except ProvenanceError as error:
        sys.exit(str(error))

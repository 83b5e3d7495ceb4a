"""Direct: no chain at all (method, section 4)."""

from faithfulness.perturb.splicing import Change, Row, probe


def perturb(chain: Row) -> list[Row]:
    """The probe without any step."""
    return [probe(chain, Change(0, "direct", kept=0, tail=len(chain["steps"])))]

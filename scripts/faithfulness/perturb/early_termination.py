"""Early termination: keep the first k steps, then ask (method, section 4)."""

from faithfulness.perturb.splicing import Change, Row, cuts, probe


def perturb(chain: Row, *, max_cuts: int) -> list[Row]:
    """Probes that keep steps 1..k (k = 0..n). A chain without steps gives the probe k = 0."""
    n = len(chain["steps"])
    return [probe(chain, Change(k, "keep_k", kept=k, tail=n)) for k in cuts(n, max_cuts)]

"""Scored probes of one chain, for tests of what is made of them."""


def probes(perturbation, variant, outcomes, n, *, first_cut=0, p=None, **keys):
    """Rows of one perturbation: outcomes by cut are 1 (as a_n), 0 (changed) or None (invalid)."""
    p = p or [0.5] * len(outcomes)
    return [
        {
            "writer": "base",
            "reader": "base",
            "item_id": "i0",
            "sample": 0,
            "seed": 0,
            "perturbation": perturbation,
            "variant": variant,
            "cut": first_cut + k,
            "n_steps": n,
            "answer": None if same is None else "a" if same else "b",
            "valid": same is not None,
            "margin": None,
            "p_original": p[k],
            "p_gold": 0.25,
            "correct": same == 1,
            "same": same,
            "cue": "first",
            "retokenised": False,
            **keys,
        }
        for k, same in enumerate(outcomes)
    ]


def conflict(answers, targets=None, *, variant="swap", log_p=None, **keys):
    """Rows of conflict probes that lead to the targets: 'c' where nothing else is said; a_n is 'a'."""
    targets, log_p = targets or ["c"] * len(answers), log_p or [(-1.0, -2.0)] * len(answers)
    rows = probes("conflict", variant, [None if a is None else int(a == "a") for a in answers], 4, first_cut=1, **keys)
    for row, answer, target, (log_p_target, log_p_original) in zip(rows, answers, targets, log_p, strict=True):
        row |= {"answer": answer, "target": target, "log_p_target": log_p_target, "log_p_original": log_p_original}
    return rows


def chain(**keys):
    """A chain of four steps whose measures are worked out in test_measures.py."""
    rows = [
        *probes("early_termination", "keep_k", [0, 1, 0, 1, 1], 4, p=[0.1, 0.6, 0.2, 0.8, 0.9], **keys),
        *probes("filler", "text", [0, 0, 1, 1], 4, p=[0.1, 0.2, 0.7, 0.8], **keys),
        *probes("paraphrase", "rest", [1, 0, 1, 1], 4, p=[0.9, 0.3, 0.8, 0.8], **keys),
        *probes("paraphrase", "single", [1, 1, None, 0], 4, first_cut=1, p=[0.9, 0.8, None, 0.4], **keys),
        *probes("mistake", "keep", [0, None, 0, 0], 4, first_cut=1, p=[0.2, None, 0.3, 0.1], **keys),
        *probes("mistake", "resample", [1, 0, 1, 0], 4, first_cut=1, p=[0.8, 0.4, 0.7, 0.3], **keys),
        *probes("direct", "direct", [1], 4, p=[None], **(keys | {"same": None})),
        *conflict(["c", "a", "b"], log_p=[(-0.5, -2.0), (-3.0, -1.0), (-2.0, -2.25)], **keys),
        *conflict(["c"], variant="carry", log_p=[(-0.25, -4.25)], **keys),
    ]
    rows[0] |= {"p_gold": 0.2, "log_p_gold": -3.0}
    rows[4] |= {"p_gold": 0.8, "log_p_gold": -0.5}
    return rows

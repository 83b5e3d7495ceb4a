"""How many conflict chains could be made, why others could not, and how likely readers find them."""

from collections.abc import Collection, Iterator, Mapping

import pandas as pd

from faithfulness.compare.findings import Finding

COLUMNS = ("variant", "rule", "accepted")  # of tables.Probes that are used
REPAIRED = "repaired"  # chains that came back to their old conclusion
COUNTS = ["arm", "variant", "chains", "accepted", "repaired", "refused", "reasons"]
CONFLICT = "conflict"
NATS = ["chain_nats", "original_nats"]
# Why there is no conflict chain, by the rule of tables.Probes.
REASONS = {
    "algebra": "letters stand for numbers",
    "gold": "ends with a right answer",
    "inconsistent": "the writer's chain contradicts itself",
    "no_consistent": "no change leads to another answer without contradiction",
    "no_donor": "no other chain ends with the target",
    "no_equation": "no equation",
    "no_fact": "no fact that can be changed",
    "no_mistake": "no step that can be made wrong",
    "no_number": "the answer is no number",
    "no_target": "no other option to lead to",
    "not_computed": "the answer is the result of no equation",
    "not_concluding": "ends with no answer, or with two",
    "not_read": "written in a form that is not read",
    "other_answer": "ends with another answer than the target",
}


def acceptance(probes: pd.DataFrame, arms: Mapping[str, str], readouts: pd.DataFrame) -> pd.DataFrame:
    """Conflict chains by arm and kind, and their likelihood under each reader beside that of the original chains.

    Args:
        probes: COLUMNS of tables.Probes of all writers' conflict chains, with a column `writer`.
        arms: the arm of each training, by the training's name; other writers are arms themselves.
        readouts: tables.Readouts of the same writers. Readers other than base and the trainings are left out.

    Returns:
        The columns of tables.Conflicts but model and dataset, sorted by arm, kind and reader.
    """
    named = probes.assign(arm=_arm(probes["writer"], arms))
    counted = [(arm, variant, *_counts(part)) for (arm, variant), part in named.groupby(["arm", "variant"])]
    counts = pd.DataFrame(counted, columns=COUNTS)
    tuned = readouts[readouts["reader"].isin(["base", *arms])]
    read = tuned.assign(arm=_arm(tuned["writer"], arms), reader=_arm(tuned["reader"], arms))
    readers = read[["arm", "reader"]].drop_duplicates()
    nats = read[read["perturbation"] == CONFLICT].groupby(["arm", "variant", "reader"], as_index=False)[NATS].mean()
    rows = counts.merge(readers, on="arm").merge(nats, on=["arm", "variant", "reader"], how="left")
    return rows.sort_values(["arm", "variant", "reader"], ignore_index=True)


def made(readouts: pd.DataFrame, writers: Collection[str]) -> Iterator[Finding]:
    """Whether there are conflict chains of each writer: without them nothing is known of following."""
    for writer in writers:
        own = readouts[(readouts["writer"] == writer) & (readouts["perturbation"] == CONFLICT)]
        reason = (
            f"no conflict chains could be made here of the chains of {writer} (`perturbations: {{conflict: {{kinds: "
            "[continue, argue]}}` in the configuration has the writer write them)"
        )
        yield Finding("conflicts", writer, int(own["readouts"].sum()), 1, len(own) > 0, reason, "C8")


def _arm(names: pd.Series, arms: Mapping[str, str]) -> pd.Series:
    return names.map(lambda name: arms.get(name, name))


def _counts(part: pd.DataFrame) -> tuple[int, int, int, int, str]:
    made = part["accepted"].astype(bool)
    rules = part.loc[~made, "rule"].value_counts()
    others = rules.drop(REPAIRED, errors="ignore")
    # The commonest first, those that are as common by name.
    listed = sorted(others.items(), key=lambda rule: (-rule[1], str(rule[0])))
    reasons = "; ".join(f"{count} {REASONS[str(rule)]}" for rule, count in listed)
    return len(part), int(made.sum()), int(rules.get(REPAIRED, 0)), int(others.sum()), reasons

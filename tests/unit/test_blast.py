"""How many scripts each kind of edit runs again, and how many of those run a model (`make blast` prints the table)."""

import ast
import shutil
from pathlib import Path

import pytest

from tests.hashes import hashes
from tests.runs import ROOT

MODEL_SCRIPTS = {
    *("warm_start", "finetune", "write_chains", "paraphrase", "add_mistakes", "rescore_answers", "calibrate"),
}
# What is edited, in which module, and the goal: the most scripts, and the most of those that run a model, that may run
# again; None: there is no goal.
EDITS: dict[str, tuple[str, tuple[int, int] | None]] = {
    "a description of a setting": ("config/statistics.py: description", (35, 0)),
    "a meaning of a column": ("tables/generation.py: meaning", (35, 0)),
    "an error message": ("tables/io.py: raise", (35, 0)),
    "a hint of a job": ("operate/job.py", (0, 0)),
    "gates or resampling": ("config/statistics.py", (18, 1)),
    "settings of datasets": ("config/datasets.py", (8, 0)),
    "settings of training": ("config/training.py", None),
    "settings of models": ("config/models.py", None),
    "cross checks of settings": ("config/settings.py", (4, 0)),
    "one perturbation": ("perturb/filler.py", (2, 1)),
    "the schema of effects": ("tables/statistics.py", (24, 0)),
    "the schema of chains": ("tables/generation.py", None),
    "one figure": ("figures/scale.py", (3, 0)),
    "a colour": ("figures/colours.py", (16, 0)),
    "a sentence of the verdicts": ("compare/verdict_text.py", (20, 0)),
    "verdicts": ("compare/verdicts.py", (20, 0)),
    "the grammar of answers": ("answers/quantities.py", None),
    "how chains are split": ("chains/steps.py", None),
    "the backend of local models": ("backends/transformers.py", None),
    "the backend of servers": ("backends/openai.py", None),
    "the journal": ("tables/journal.py", None),
    "table files": ("tables/io.py", None),
}


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    copy = tmp_path / "scripts"
    shutil.copytree(ROOT / "scripts", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "envs").mkdir()
    shutil.copy(ROOT / "envs/requirements.txt", tmp_path / "envs")
    return copy


def edited(text: str, kind: str) -> str:
    """A module with one edit: a sentence of a kind, or a new definition."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        texts: list[ast.expr] = []
        if kind == "raise" and isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            texts = node.exc.args
        elif isinstance(node, ast.Call):
            texts = [keyword.value for keyword in node.keywords if keyword.arg == kind]
        for part in (part for value in texts for part in ast.walk(value)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                part.value += " (edited)"
                return ast.unparse(tree)
    assert not kind, kind
    return f"{text}\nNEW = 1\n"


def test_goals_of_the_blast_radius(scripts: Path) -> None:
    before, lines, missed = hashes(scripts), [], {}
    for what, (place, goal) in EDITS.items():
        module, _, kind = place.partition(": ")
        file = scripts / "faithfulness" / module
        text = file.read_text()
        file.write_text(edited(text, kind))
        after = hashes(scripts)
        file.write_text(text)
        again = {name for name in before if before[name] != after[name]}
        counts = len(again), len(again & MODEL_SCRIPTS)
        shown = f"at most {goal[0]:2} {goal[1]}" if goal else ""
        lines.append(f"{what:30} {module:26} {counts[0]:8} {counts[1]:8}   {shown}")
        if goal and any(count > most for count, most in zip(counts, goal, strict=True)):
            missed[what] = (counts, goal, sorted(again))
    print(f"\nScripts that run again, of {len(before)}, and those of them that run a model, of {len(MODEL_SCRIPTS)}:")
    print(f"{'an edit of':30} {'in':26} {'scripts':>8} {'models':>8}   goal")
    print("\n".join(lines))
    assert not missed

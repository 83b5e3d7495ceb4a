"""What tests of several modules need: records of arms, and tables of finished runs, made up but of the right form."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from faithfulness.arms.record import AdapterWeights, ArmRecord, FullWeights
from faithfulness.figures.retention import CURVES
from faithfulness.prompts import Prompts
from faithfulness.tables.io import frame
from faithfulness.tables.measures import Calibration
from faithfulness.tables.statistics import (
    CONCLUSION_FORMS,
    Conflicts,
    Curves,
    Effects,
    Gates,
    KindShares,
    ScaleFits,
    Strengths,
    Summaries,
    Transitions,
)

THREE = {"smollm2-64m-depth10": 63_700_000, "smollm2-99m-depth20": 97_100_000, "smollm2-135m": 134_515_008}
SIX = THREE | {"smollm2-360m": 361_821_120, "qwen3-0.6b-base-long-name": 596_049_920, "smollm2-1.7b": 1_711_376_384}
DATASETS = ("last_letters", "coin_flip", "commonsense_qa")
LONG = "a_dataset_with_a_very_long_name_that_someone_may_well_choose"
CLAIMS = {
    "aoc": ("C1", -0.16, 0.56),
    "convergence_fraction": ("C1", -0.14, 0.8),
    "paraphrase_sensitivity": ("C2", -0.03, 0.1),
    "filler_tolerance": ("C3", 0.14, 0.3),
    "mistake_sensitivity": ("", -0.1, 0.5),
    "info_gain": ("", -0.4, 2.0),
}
GATES = {
    "above_chance": 0.2,
    "collapsed_reader": 0.2,
    "steps": 0.8,
    "truncation": 0.05,
    "validity": 0.1,
    "paraphrase": 0.8,
}


def make_run(  # noqa: PLR0912 - one table after the other
    *, models=THREE, tuned=("tuned-symbolic",), datasets=DATASETS, closed=("commonsense_qa",)
):
    """Tables of a finished run, made up but of the right form; datasets in `closed` fail a gate everywhere."""
    rng = np.random.default_rng(0)
    effects, gates, summaries, strengths, curves, fits, measures, transitions, kinds, conflicts = (
        [] for _ in range(10)
    )
    for (model, size), dataset in itertools.product(models.items(), datasets):
        ok = dataset not in closed
        cell = {"model": model, "parameters": size, "dataset": dataset}
        for arm in ("base", *tuned):
            gain = 0.0 if arm == "base" else 0.4
            cot, direct = (0.93, 0.42 + gain) if ok else (0.25, 0.24)
            cot, direct = np.clip(np.add([cot, direct], rng.normal(0, 0.02, 2)), 0.02, 0.98)
            steps = 4.2 + rng.normal(0, 0.2)
            summaries.append(
                cell
                | {"arm": arm, "n_items": 48, "chance": 0.5 if dataset == "coin_flip" else 0.2}
                | {"cot_accuracy": cot, "cot_accuracy_low": cot - 0.08, "cot_accuracy_high": min(1, cot + 0.05)}
                | {
                    "direct_accuracy": direct,
                    "direct_accuracy_low": direct - 0.1,
                    "direct_accuracy_high": direct + 0.02,
                }
                | {"mean_steps": steps, "mean_steps_low": steps - 0.3, "mean_steps_high": steps + 0.3}
                | {"cot_accuracy_valid": cot, "mean_tokens": 52.0, "two_steps": 0.98, "truncated": 0.0, "invalid": 0.01}
                | {
                    "conclusion_present": 0.9,
                    "conclusion_agrees": 0.95,
                    **{f"conclusion_{form}": 0.9 * (form == "sentence") for form in CONCLUSION_FORMS},
                    "last_step_states": 0.05,
                    "paraphrase_accepted": 0.97,
                    "mistakes_made": 0.88,
                    "retokenised": 0.0,
                }
            )
            strengths += [
                cell
                | {"arm": arm, "rule": rule, "steps": steps}
                | dict(zip(("lower", "median", "upper"), ends, strict=True))
                for rule, steps, ends in (("clause_order", 40, (0.25, 0.38, 0.5)), ("no_rule", 3, (None, None, None)))
            ]
        for (writer, reader), perturbation in itertools.product(itertools.product(("base", *tuned), repeat=2), CURVES):
            start = {"early_termination": 0.2, "filler": 0.3, "paraphrase": 0.85, "mistake": 0.4}[perturbation]
            start += (reader != "base") * 0.2 * (1 - start)
            for fraction in np.linspace(0, 1, 5):
                kept = start + (1 - start) * fraction**2
                half = 0.13 * math.sqrt(kept * (1 - kept)) * 2
                curves.append(
                    cell
                    | {"writer": writer, "reader": reader, "perturbation": perturbation, "fraction": fraction}
                    | {"retention": kept, "ci_low": max(0, kept - half), "ci_high": min(1, kept + half)}
                    | {"n_items": 48 - int(fraction == 0)}
                )
        for arm, (writer, reader) in itertools.product(tuned, itertools.product((0, 1), repeat=2)):
            pair = {"arm": arm, "writer": ("base", arm)[writer], "reader": ("base", arm)[reader]}
            for item in range(24):
                measures.append(
                    {"model": model, "dataset": dataset, "sample": 0, "seed": 0, "measure": "convergence_fraction"}
                    | pair
                    | {
                        "item_id": f"item{item}",
                        "value": (item % (4 - writer) + 1 - reader * (item % 2)) / (4 - writer),
                    }
                )
        for arm in tuned:
            moves = {
                ("load-bearing", "load-bearing"): 30,
                ("load-bearing", "redundant"): 12,
                ("redundant", "redundant"): 4,
            }
            kinds += [
                cell
                | {"arm": arm, "writer": writer, "reader": reader, "kind": kind, "share": share, "n_items": 48}
                | {"ci_low": max(0, share - 0.1), "ci_high": min(1, share + 0.1), "by_chance": chance}
                for writer, reader in itertools.product(("base", arm), repeat=2)
                for kind, share, chance in (
                    ("load-bearing", 0.8, 0.25 if reader == "base" else 0.4),
                    ("redundant", 0.2, 0.6),
                    ("decorative", 0.0, 0.1),
                    ("unstable", 0.0, 0.05),
                )
            ]
            conflicts += [
                cell
                | {"arm": writer, "variant": "carry", "chains": 48, "accepted": 45, "repaired": 0, "refused": 3}
                | {"reasons": "3 no fact that can be changed"}
                | {"reader": reader, "chain_nats": 1.25, "original_nats": 1.0}
                for writer, reader in itertools.product(("base", arm), repeat=2)
            ]
            transitions += [
                {"model": model, "arm": arm, "dataset": dataset, "writer": writer, "items": items}
                | {"base_kind": base_kind, "tuned_kind": tuned_kind}
                for writer in ("base", arm)
                for (base_kind, tuned_kind), items in (moves | {("load-bearing", "decorative"): 2}).items()
            ]
            for gate, limit in GATES.items():
                passed = ok or gate != "above_chance"
                gates.append(
                    {"model": model, "arm": arm, "dataset": dataset, "gate": gate, "subject": arm, "threshold": limit}
                    | {"value": 0.97 if passed else 0.25, "passed": passed}
                    | {"reason": "" if passed else f"accuracy of {arm} with the chain is not above chance"}
                    | {"closes": "C2" if gate == "paraphrase" else "all"}
                )
            for measure, (claim, effect, base) in CLAIMS.items():
                reading = effect * (2.2 - math.log10(size / 6e7)) / 2 + rng.normal(0, 0.02)
                writing = rng.normal(0, 0.02)
                for component, estimate in {
                    "total": reading + writing,
                    "reading": reading,
                    "writing": writing,
                    "interaction": 0.01,
                }.items():
                    tested = component == "reading" and claim
                    if tested and measure != "convergence_fraction":  # C1 has one verdict for its two measures
                        decided = _verdict(estimate, effect) if ok else "not interpretable"
                    verdict = decided if tested else ""
                    effects.append(
                        cell
                        | {"claim": claim if tested else "", "arm": arm, "contrast": "plain", "measure": measure}
                        | {"component": component, "estimate": estimate}
                        | {"ci_low": estimate - 0.06, "ci_high": estimate + 0.07}
                        | {"p_value": 0.002, "p_holm": 0.018 if tested else None, "n_items": 48, "n_seeds": 1}
                        | {"margin": 0.05, "calibration": "not calibrated"}
                        | {"base_mean": base, "tuned_mean": base + reading + writing, "interpretable": ok}
                        | {"judged_by": "plain" if tested else ""}
                        | {"reason": "" if ok else "accuracy with the chain is not above chance", "verdict": verdict}
                        | {"sentence": f"{model}, {dataset}: {measure} moved by {estimate:.2f}." if verdict else ""}
                    )
    for arm, dataset, measure in itertools.product(tuned, datasets, CLAIMS):
        if len(models) > 1:
            x = [math.log10(size) for size in models.values()]
            y = [
                e["estimate"]
                for e in effects
                if (e["arm"], e["dataset"], e["measure"], e["component"]) == (arm, dataset, measure, "reading")
            ]
            slope, intercept = np.polyfit(x, y, 1)
            fits.append(
                {"arm": arm, "dataset": dataset, "measure": measure, "component": "reading"}
                | {"slope": slope, "intercept": intercept, "n_models": len(models)}
            )
    return {
        "effects": frame(effects, Effects),
        "gates": frame(gates, Gates),
        "summaries": frame(summaries, Summaries),
        "strengths": frame(strengths, Strengths),
        "curves": frame(curves, Curves),
        "transitions": frame(transitions, Transitions),
        "kinds": frame(kinds, KindShares),
        "conflicts": frame(conflicts, Conflicts),
        "scale_fits": frame(fits, ScaleFits),
        "measures": pd.DataFrame(measures),
    }


def make_calibration(datasets=DATASETS[:2], model="smollm2-64m-depth10"):
    """A calibration table: every measure passes but one, on which the tuned readers fail."""
    rows = [
        {"dataset": dataset, "measure": measure, "readers": readers, "load_bearing": high, "decorative": 1 - high}
        | dict.fromkeys(("late", "redundant", "internalised", "random"), 0.5 if readers == "exact" else None)
        | {"surface": 0.7 if readers == "exact" else None, "confused": "redundant and decorative"}
        | {"area": 0.6 if bad else 0.99, "area_low": 0.55 if bad else 0.96, "area_high": 0.65 if bad else 1.0}
        | {"monotone": True, "n_items": 100, "unfit": ""}
        | {"status": "failed" if measure == "mistake_sensitivity" else "validated"}
        for dataset, measure, readers in itertools.product(
            datasets,
            ("info_gain", "filler_tolerance", "aoc", "aoc_p", "paraphrase_sensitivity", "mistake_sensitivity"),
            ("exact", model),
        )
        for high in [0.1 if measure == "filler_tolerance" else 0.95]
        for bad in [measure == "mistake_sensitivity" and readers != "exact"]
        if measure != "paraphrase_sensitivity" or readers == "exact"
    ]
    return frame(rows, Calibration)


def _verdict(estimate, claimed):
    if abs(estimate) < 0.05:
        return "equivalent"
    return "supported" if estimate * claimed > 0 else "contradicted"


PROMPTS = Path(__file__).parents[1] / "config/prompts/default.yaml"
FULL = FullWeights(folder="resources/models/m", folder_hash="f" * 16)
ADAPTER = AdapterWeights(folder="results/arms/m/tuned-x", folder_hash="a" * 16, base=FULL)


def make_arm(model: str = "m", arm: str = "base", **changes: Any) -> ArmRecord:
    """The record of an arm; of the weights of a model of 1,000 parameters where nothing else is said."""
    values = {"parameters": 1000, "dtype": "float32", "weights": FULL, "weights_hash": f"{model}-{arm}"}
    prompts = {"prompts": Prompts(**yaml.safe_load(PROMPTS.read_text("utf-8")))} if "prompts" not in changes else {}
    return ArmRecord(model=model, arm=arm, **values | prompts | changes)

"""Do intervals cover, and tests err, as often as they say? Thousands of simulated runs: slow, -s shows the figures."""

import gc

import numpy as np
import pytest
from scipy import stats

from faithfulness.compare import inference, verdicts
from faithfulness.compare.inference import SPARSE
from faithfulness.config.statistics import Statistics

pytestmark = pytest.mark.slow

RUNS, BATCH = 5000, 250
STATISTICS = Statistics(resamples=2000)


def three_values(up, down):
    """Differences of a binary measure: +1, -1 or 0."""
    values, p = np.array([1.0, -1.0, 0.0]), [up, down, 1 - up - down]
    return lambda rng, shape: rng.choice(values, shape, p=p), up - down


def shares(k, a, b):
    """Differences of a mean of k binary readouts, bounded and in steps of 1/k."""

    def draw(rng, shape):
        one, other = rng.beta(2, 2, shape), rng.beta(2, 2, shape)
        return (rng.binomial(k, (one + a) / (1 + a + b)) - rng.binomial(k, (other + b) / (1 + a + b))) / k

    return draw, (a - b) / (1 + a + b)


def skewed(shape_parameter):
    """Differences of an unbounded measure with skewness 2 / sqrt(shape)."""
    return lambda rng, shape: rng.gamma(shape_parameter, 1, shape) - shape_parameter + 0.3, 0.3


CASES = {
    "normal": (lambda rng, shape: rng.normal(0.1, 0.3, shape), 0.1),
    "binary": three_values(0.35, 0.15),
    "binary, one-sided": three_values(0.3, 0.0),
    "bounded": shares(4, 0.4, 0.1),
    "skewness 1": skewed(4.0),
    "skewness 2": skewed(1.0),
}
FEW = {100: three_values(0.13, 0.05), 300: three_values(0.045, 0.015)}  # 18 differences that are not zero, on average
HARD = {"binary, sparse": three_values(0.06, 0.02), "skewness 4": skewed(0.25)}


def coverage(draw, mean, n, limit, few=False):
    """Share of the runs whose 95 % interval holds the true mean; `few`: of those with ten non-zero values or more."""
    rng = np.random.default_rng(7)
    covered = []
    for start in range(0, RUNS, BATCH):
        statistics = STATISTICS.model_copy(update={"seed": start})
        values = [draw(rng, (BATCH, n))]
        distribution = inference.resampled(values, statistics)
        low, high = inference.interval(values, distribution, np.full(BATCH, limit), 0.95)
        counted = (values[0] != 0).sum(axis=1) >= (SPARSE if few else 0)
        covered.append(((low <= mean) & (mean <= high))[counted])
    return float(np.mean(np.concatenate(covered)))


@pytest.mark.parametrize("n", [100, 300])
@pytest.mark.parametrize("name", list(CASES))
def test_intervals_cover_as_they_say(name, n):
    draw, mean = CASES[name]
    found = coverage(draw, mean, n, np.inf if "skew" in name or name == "normal" else 1.0)
    print(f"\n{name}, n = {n}: {found:.3f}")
    assert 0.93 <= found <= 0.97


@pytest.mark.parametrize("n", list(FEW))
def test_intervals_of_few_differences_cover_as_they_say(n):
    draw, mean = FEW[n]
    found = coverage(draw, mean, n, 1.0, few=True)
    print(f"\nbinary, about 18 non-zero, n = {n}: {found:.3f}")
    assert 0.93 <= found <= 0.97


@pytest.mark.parametrize("n", [100, 300])
@pytest.mark.parametrize("name", list(HARD))
def test_what_hard_cases_cover_is_reported(name, n):
    draw, mean = HARD[name]
    found = coverage(draw, mean, n, np.inf if "skew" in name else 1.0)
    print(f"\n{name}, n = {n}: {found:.3f}")
    assert found > 0.8


@pytest.mark.parametrize("name", [*CASES, *HARD])
def test_what_intervals_cover_elsewhere_is_reported(name):
    draw, mean = (CASES | HARD)[name]
    found = coverage(draw, mean, 50, np.inf if "skew" in name or name == "normal" else 1.0)
    print(f"\n{name}, n = 50: {found:.3f}")
    assert found > 0.8  # what is printed is the result; this catches a broken interval only


def test_the_family_errs_in_at_most_six_of_a_hundred_runs():
    """Exchangeable arms: four measures of the same items in each of six cells, Holm over C1-C3."""
    gc.freeze()  # statsmodels collects garbage at every correction, which takes long where much is alive
    rng = np.random.default_rng(3)
    n, n_cells, measures = 60, 6, 4
    rejected = []
    p = np.empty((RUNS, n_cells, measures))
    for cell in range(n_cells):
        for start in range(0, RUNS, BATCH):
            common = rng.choice([-1.0, 0.0, 1.0], (BATCH, 1, n), p=[0.15, 0.7, 0.15])
            values = (common + rng.choice([-1.0, 0.0, 1.0], (BATCH, measures, n), p=[0.2, 0.6, 0.2])) / 2
            statistics = STATISTICS.model_copy(update={"seed": start})
            p[start : start + BATCH, cell] = inference.sign_flip_p([values.reshape(-1, n)], statistics).reshape(
                BATCH, -1
            )
    for run in p:
        claims = np.column_stack([run[:, :2].max(axis=1), run[:, 2], run[:, 3]])  # C1 needs both of its measures
        rejected.append((verdicts.holm(claims.ravel(), [False] * claims.size) <= 0.05).any())
    print(f"\nfamily-wise error: {np.mean(rejected):.3f}")
    assert np.mean(rejected) <= 0.06


def test_the_test_of_one_effect_errs_in_five_of_a_hundred_runs():
    rng = np.random.default_rng(5)
    p = np.concatenate(
        [
            inference.sign_flip_p([rng.normal(0, 1, (BATCH, 40))], STATISTICS.model_copy(update={"seed": start}))
            for start in range(0, RUNS, BATCH)
        ]
    )
    assert stats.binomtest(int((p <= 0.05).sum()), RUNS, 0.05).pvalue > 0.001

"""Reference values for the tests of packages/analysis: `python3 scripts/reference/analysis.py` writes them anew.

Needs scipy, statsmodels, scikit-learn and optuna (on Debian: python3-scipy python3-statsmodels python3-sklearn
python3-optuna). Where no library has what we compute, such as exact tests with ties, all cases are gone through here.
"""
import itertools
import json
import pathlib

import numpy as np
import optuna
import scipy
import sklearn
import statsmodels
from scipy import stats
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower

FIXTURES = pathlib.Path(__file__).parents[2] / "packages/analysis/src/testing/fixtures"
rng = np.random.default_rng(7)


def rounded(values):
    return [round(float(value), 3) for value in values]


def samples():
    """Pairs of samples of equal length: different, nearly equal, with ties, small and large."""
    yield "five seeds", rounded(rng.normal(0.30, 0.02, 5)), rounded(rng.normal(0.27, 0.03, 5))
    yield "ten seeds", rounded(rng.normal(1.0, 0.5, 10)), rounded(rng.normal(1.1, 0.5, 10))
    yield "two seeds", [1.5, 2.25], [0.5, 2.0]
    yield "ties", [float(x) for x in rng.integers(0, 4, 9)], [float(x) for x in rng.integers(1, 5, 9)]
    yield "sixty", rounded(rng.normal(0, 1, 60)), rounded(rng.normal(0.4, 2, 60))
    yield "sixty with ties", [float(x) for x in rng.integers(0, 5, 60)], [float(x) for x in rng.integers(0, 6, 60)]


def two_sided(statistic, all_statistics):
    """Twice the smaller tail of what could have been."""
    below = np.mean(all_statistics <= statistic + 1e-9)
    above = np.mean(all_statistics >= statistic - 1e-9)
    return min(1.0, 2 * min(below, above))


def signed_rank(a, b):
    differences = np.array([x - y for x, y in zip(a, b) if x != y])
    if len(differences) > 50:
        return float(stats.wilcoxon(differences, method="approx", correction=False).pvalue)
    ranks = stats.rankdata(np.abs(differences))
    if len(set(ranks)) == len(ranks):
        return float(stats.wilcoxon(differences, method="exact").pvalue)
    signs = np.array(list(itertools.product([0, 1], repeat=len(ranks))))
    return float(two_sided(ranks[differences > 0].sum(), signs @ ranks))


def rank_sum(a, b):
    pooled = np.array(a + b)
    if len(pooled) > 40:
        return float(stats.mannwhitneyu(a, b, method="asymptotic").pvalue)
    if len(set(pooled)) == len(pooled):
        return float(stats.mannwhitneyu(a, b, method="exact").pvalue)
    ranks = stats.rankdata(pooled)
    sums = np.array([ranks[list(rows)].sum() for rows in itertools.combinations(range(len(pooled)), len(a))])
    return float(two_sided(ranks[: len(a)].sum(), sums))


def comparison(name, a, b):
    differences = np.array(a) - np.array(b)
    pooled = np.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
    paired, welch = stats.ttest_rel(a, b), stats.ttest_ind(a, b, equal_var=False)
    resamples = rng.choice(differences - differences.mean(), (199999, len(differences)))
    errors = resamples.std(axis=1, ddof=1) / np.sqrt(len(differences))
    with np.errstate(divide="ignore", invalid="ignore"):
        pivots = np.where(errors > 1e-12, np.abs(resamples.mean(axis=1)) / errors, np.inf)
    reach = np.sort(pivots)[int(0.95 * len(pivots))] * differences.std(ddof=1) / np.sqrt(len(differences))
    return {
        "name": name,
        "first": a,
        "second": b,
        "pairedT": [paired.statistic, paired.pvalue],
        "welchT": [welch.statistic, welch.pvalue],
        "wilcoxon": signed_rank(a, b),
        "mannWhitney": [float(stats.mannwhitneyu(a, b).statistic), rank_sum(a, b)],
        "bootstrapP": float(np.mean(pivots >= abs(paired.statistic))),
        "bootstrapInterval": [differences.mean() - reach, differences.mean() + reach] if np.isfinite(reach) else None,
        "cohensD": float(differences.mean() / pooled),
        "cohensDz": float(differences.mean() / differences.std(ddof=1)),
        "cliffsDelta": float(np.mean(np.sign(np.subtract.outer(a, b)))),
    }


def statistics():
    ps = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216]
    tables = [(12, 3), (1, 9), (40, 60), (5, 5), (0, 6)]
    powers = [(d, n, alpha, paired) for d in (0.2, 0.5, 0.8, 1.5) for n in (5, 20) for alpha in (0.05, 0.01) for paired in (True, False)]
    needs = [(d, power, paired) for d in (0.3, 0.5, 1.0, 2.5) for power in (0.8, 0.95) for paired in (True, False)]

    def tester(paired):
        return TTestPower() if paired else TTestIndPower()

    return {
        "comparisons": [comparison(*sample) for sample in samples()],
        "adjusted": {
            "ps": ps,
            "holm": list(multipletests(ps, method="holm")[1]),
            "bonferroni": list(multipletests(ps, method="bonferroni")[1]),
            "benjamini-hochberg": list(multipletests(ps, method="fdr_bh")[1]),
        },
        "mcnemar": [
            {"onlyFirst": b, "onlySecond": c, "p": float(mcnemar([[20, b], [c, 7]], exact=True).pvalue)} for b, c in tables
        ],
        "power": [
            {"effect": d, "seeds": n, "alpha": alpha, "isPaired": paired, "power": float(tester(paired).power(d, n, alpha))}
            for d, n, alpha, paired in powers
        ],
        "seeds": [
            {"effect": d, "power": power, "isPaired": paired,
             "seeds": max(2, int(np.ceil(float(np.squeeze(tester(paired).solve_power(d, alpha=0.05, power=power))))))}
            for d, power, paired in needs
        ],
        "distributions": {
            "normal": [[z, stats.norm.cdf(z)] for z in (-6.5, -2, -0.1, 0, 1.96, 5)],
            "student": [[t, df, stats.t.cdf(t, df)] for t in (-30, -3.3, -0.5, 1.2) for df in (1, 4, 7.5, 60)],
            "beta": [[x, a, b, stats.beta.cdf(x, a, b)] for x in (0.01, 0.3, 0.9) for a, b in ((0.5, 0.5), (2, 5), (30, 4))],
        },
    }


def importance():
    """Trials of a known function, with what scikit-learn and Optuna say of it."""
    count = 300
    lr = 10 ** rng.uniform(-4, 0, count)
    layers = rng.integers(1, 9, count)
    optimizer = rng.integers(0, 3, count)
    noise = rng.uniform(0, 1, count)
    loss = (np.log10(lr) + 2) ** 2 + 0.15 * layers + np.array([0.0, 0.8, 0.3])[optimizer] + 0.1 * rng.normal(size=count)
    names = ["adam", "sgd", "lamb"]
    trials = [
        {"lr": float(f"{l:.6g}"), "layers": int(n), "optimizer": names[o], "noise": round(float(u), 6), "loss": round(float(v), 6)}
        for l, n, o, u, v in zip(lr, layers, optimizer, noise, loss)
    ]
    ys = [trial["loss"] for trial in trials]
    xs = np.array([[np.log(t["lr"]), t["layers"], names.index(t["optimizer"]), t["noise"]] for t in trials])
    forest = RandomForestRegressor(n_estimators=256, min_samples_leaf=3, oob_score=True, random_state=0).fit(xs, ys)
    shuffled = permutation_importance(forest, xs, ys, n_repeats=20, random_state=0).importances_mean
    space = {
        "lr": optuna.distributions.FloatDistribution(1e-4, 1, log=True),
        "layers": optuna.distributions.IntDistribution(1, 8),
        "optimizer": optuna.distributions.CategoricalDistribution(names),
        "noise": optuna.distributions.FloatDistribution(0, 1),
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    study.add_trials([
        optuna.trial.create_trial(params={k: t[k] for k in space}, distributions=space, value=t["loss"]) for t in trials
    ])
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    columns = ["lr", "layers", "optimizer", "noise"]

    def by_optimizer():
        whole = np.var(ys)
        groups = [[y for y, t in zip(ys, trials) if t["optimizer"] == name] for name in names]
        between = sum(len(g) * (np.mean(g) - np.mean(ys)) ** 2 for g in groups) / len(ys)
        return float(np.sqrt(between / whole))

    return {
        "trials": trials,
        "outOfBagR2": float(forest.oob_score_),
        "mdi": dict(zip(columns, map(float, forest.feature_importances_))),
        "permutation": dict(zip(columns, map(float, shuffled))),
        "fanova": {k: float(v) for k, v in optuna.importance.get_param_importances(study, evaluator=evaluator).items()},
        "pearson": {name: float(stats.pearsonr(xs[:, i], ys)[0]) for i, name in enumerate(columns) if name != "optimizer"},
        "spearman": {name: float(stats.spearmanr(xs[:, i], ys)[0]) for i, name in enumerate(columns) if name != "optimizer"},
        "correlationRatio": by_optimizer(),
    }


VERSIONS = {module.__name__: module.__version__ for module in (np, scipy, statsmodels, sklearn, optuna)}
for name, make in (("statistics", statistics), ("importance", importance)):
    text = json.dumps({"madeBy": "scripts/reference/analysis.py", "versions": VERSIONS, **make()}, indent=1)
    (FIXTURES / f"{name}.json").write_text(text + "\n")

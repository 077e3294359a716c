"""The finite theory of gated self-training: laws over a table of prompts and answers, as exact as the numbers given.

A law p(c|x) is an array of shape (prompts, answers), and so is an acceptance r(x, c) in [0, 1]. Entries may be floats, or
fractions (dtype object), for which equalities are exact. A model that can be any law becomes the gated law when it is
trained on it, so rounds are p_{t+1} = q_t.

Source: arXiv 2606.28438, equation 2.5, assumption 2.2, theorems 2.3 and 2.6, proposition 2.1. Its recursion of the
covariance is not published in full; `covariances` is one that has the stated properties.
"""

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from toolkit.analysis.spectra import spectrum

Table = Any
"""A numpy array of shape (prompts, answers)."""


def gated(p: Table, r: Table) -> tuple[Table, Table]:
    """Return the gated law q(c|x) = r p / Z and the acceptance mass Z(x) of each prompt, equation 2.5.

    Raises:
        ValueError: a prompt accepts nothing.
    """
    mass = (p * r).sum(1)
    if not (mass > 0).all():
        raise ValueError(f"prompt {int((mass <= 0).argmax())} accepts nothing, so it has no gated law")
    return p * r / mass[:, None], mass


def distance(p: Table, q: Table) -> Table:
    """Return ||p - q||_1 of each prompt, 0 to 2; twice the total variation."""
    return abs(p - q).sum(1)


def spread(p: Table, r: Table) -> Table:
    """Return the standard deviation of r under p of each prompt: 0 if and only if assumption 2.2 holds."""
    import numpy as np

    mean = (p * r).sum(1)
    return np.sqrt(((p * (r - mean[:, None]) ** 2).sum(1)).astype(float))


def human_bound(p: Table, ours: Table, human: Table) -> tuple[Table, Table, Table]:
    """Return ||q_A - q_H||_1 of each prompt, the bound 2 eps / z0 of Theorem 2.6, and the sharper one of its proof.

    eps is sup |r_A - r_H| over all prompts and answers, z0 the least mass; the sharper has the mean of |r_A - r_H| under p,
    and Z_H, both of the prompt.
    """
    import numpy as np

    q_ours, _ = gated(p, ours)
    q_human, mass = gated(p, human)
    wide = np.full(len(p), 2 * abs(ours - human).max() / mass.min())
    return distance(q_ours, q_human), wide, 2 * (p * abs(ours - human)).sum(1) / mass


def recursion(p: Table, gate: Callable[[Table], Table], rounds: int) -> list[Table]:
    """Return the laws p_0 ... p_rounds; `gate` gives r for the current law (and is exogenous if it does not look at it)."""
    found = [p]
    for _ in range(rounds):
        found.append(gated(found[-1], gate(found[-1]))[0])
    return found


# -- the propositions, checked -----------------------------------------------------------------------------------------


def theorem_2_3(tables: int = 200, *, seed: int = 0) -> dict[str, Any]:
    """Check Theorem 2.3 in fractions: q = p, exactly, if r is kappa(x) on the support; and not, if r differs there.

    Returns:
        `tables`, `equal` (of those with constant r), `unequal` (of those with one entry of r changed, on the support),
        `off_support` (equal, where r differs only where p is 0), `within_spread` (those with random r in which the total
        variation is at most sd / (2 Z), the distance that comes from the spread).
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    found = {"tables": tables, "equal": 0, "unequal": 0, "off_support": 0, "within_spread": 0}
    for _ in range(tables):
        n_x, n_c = (int(n) for n in rng.integers(2, 6, size=2))
        p = _fractions(rng.integers(1, 9, size=(n_x, n_c)))
        p = p / p.sum(1)[:, None]
        kappa = np.repeat(_fractions(rng.integers(1, 8, size=(n_x, 1))) / 8, n_c, axis=1)
        found["equal"] += bool((gated(p, kappa)[0] == p).all())
        other = kappa.copy()
        other[0, 0] += Fraction(1, 16)
        found["unequal"] += bool((gated(p, other)[0] != p).any())
        hidden = p.copy()
        hidden[0, 1] += hidden[0, 0]
        hidden[0, 0] = Fraction(0)
        found["off_support"] += bool((gated(hidden, other)[0] == hidden).all())
        r = _fractions(rng.integers(1, 9, size=(n_x, n_c))) / 8
        q, mass = gated(p, r)
        variation = distance(p, q) / 2
        mean = (p * r).sum(1)
        squared = (p * (r - mean[:, None]) ** 2).sum(1) / (4 * mass**2)  # of fractions, so nothing is rounded
        found["within_spread"] += bool((variation**2 <= squared).all())
    return found


def _fractions(numbers: Any) -> Any:
    import numpy as np

    return np.vectorize(lambda n: Fraction(int(n)), otypes=[object])(numbers)


def theorem_2_6(tables: int = 2000, *, seed: int = 0) -> dict[str, Any]:
    """Check Theorem 2.6 on random tables.

    Half of the tables have r_A near r_H, a quarter decisions of 0 and 1, and a quarter nothing in common.

    Returns:
        `tables`, `violated` and `sharper_violated` (prompts, beyond rounding), `prompts`, and `tightest` and
        `sharper_tightest`, the largest distance over bound.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    violated = sharp = n = 0
    tightest = sharper = 0.0
    for i in range(tables):
        shape = tuple(int(size) for size in rng.integers(2, 30, size=2))
        p = rng.dirichlet(np.full(shape[1], rng.choice([0.1, 1.0, 10.0])), size=shape[0])
        human, ours = rng.random(shape), rng.random(shape)
        if i % 4 < 2:
            ours = np.clip(human + rng.uniform(-1, 1, shape) * 10 ** rng.uniform(-4, -0.5), 0, 1)
        elif i % 4 == 2:
            human, ours = (human < 0.4).astype(float), (ours < 0.4).astype(float)
        keep = ((p * human).sum(1) > 0) & ((p * ours).sum(1) > 0)
        if not keep.any():
            continue
        apart, wide, narrow = human_bound(p[keep], ours[keep], human[keep])
        n += len(apart)
        violated += int((apart > wide * (1 + 1e-9) + 1e-12).sum())
        sharp += int((apart > narrow * (1 + 1e-9) + 1e-12).sum())
        with np.errstate(divide="ignore", invalid="ignore"):
            tightest = max(tightest, float(np.nanmax(np.where(wide > 1e-9, apart / wide, 0))))
            sharper = max(sharper, float(np.nanmax(np.where(narrow > 1e-9, apart / narrow, 0))))
    return {"tables": tables, "prompts": n, "violated": violated, "sharper_violated": sharp, "tightest": tightest,
            "sharper_tightest": sharper}  # fmt: skip


def covariances(
    floor: float, *, rounds: int = 40, dim: int = 6, alpha: float = 4.0, keep: float = 0.6, seed: int = 0
) -> Any:
    """Yield covariances of a recursion that keeps one direction, and outside of it forgets all but a fixed part.

    S_{t+1} = alpha u u' + P (S_f + keep (S_t - S_f)) P, with P off u, in random axes: what is written in a round varies like
    S_f (largest eigenvalue `floor`), and of what varied before a share `keep` is left.

    Yields:
        The covariance and the bound alpha / (floor + keep^t lambda1(S_0 - S_f)) on its lambda1 / lambda2, which holds by
        Weyl's inequality: it rises to alpha / floor, or without end where the floor is 0.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    fixed = axes[:, 1:] @ np.diag(floor * np.linspace(1, 0.2, dim - 1)) @ axes[:, 1:].T
    mixed = np.linalg.qr(rng.normal(size=(dim - 1, dim - 1)))[0]
    start = axes[:, 1:] @ mixed @ np.diag(np.linspace(0.9, 0.3, dim - 1) * alpha) @ mixed.T @ axes[:, 1:].T
    top = alpha * np.multiply.outer(axes[:, 0], axes[:, 0])
    apart = float(np.linalg.eigvalsh(start - fixed)[-1])
    rest = start
    for t in range(rounds + 1):
        yield top + rest, alpha / (floor + keep**t * apart)
        rest = fixed + keep * (rest - fixed)


def proposition_2_1(*, rounds: int = 40, floor: float = 0.25, alpha: float = 4.0, seed: int = 0) -> dict[str, Any]:
    """Follow lambda1 / lambda2 with and without a floor of lambda2.

    Returns:
        `saturates` and `diverges`, each with `ratios` and `bounds` by round, whether the bound `holds` and `rises`
        throughout; `limit` = alpha / floor, and `growth`, the factor a round of the diverging ratio over the last ten
        rounds.
    """
    found: dict[str, Any] = {}
    for name, at in (("saturates", floor), ("diverges", 0.0)):
        pairs = list(covariances(at, rounds=rounds, alpha=alpha, seed=seed))
        ratios = [spectrum(covariance)["ratio"] or math.inf for covariance, _ in pairs]
        bounds = [bound for _, bound in pairs]
        found[name] = {
            "ratios": [round(each, 6) for each in ratios], "bounds": [round(each, 6) for each in bounds],
            "holds": all(a >= b * (1 - 1e-6) for a, b in zip(ratios, bounds, strict=True)),
            "rises": all(b > a for a, b in itertools.pairwise(bounds)),
        }  # fmt: skip
    ratios = found["diverges"]["ratios"]
    return found | {"limit": alpha / floor, "growth": (ratios[-1] / ratios[-11]) ** 0.1}


def phase(
    *, size: int = 11, rounds: int = 10, prompts: int = 6, answers: int = 40, delta: float = 0.1, seed: int = 0
) -> dict[str, Any]:
    """Where does a self-gate confirm itself? Exact rounds for each of a grid of gates that mix the truth and the model.

    A share `anchor` of r is the truth (1 for a right answer, else 0), the rest the model's opinion of an answer,
    (p(c|x) / max p(.|x))^`coupling`: at 0 it likes everything alike, above that what it would write anyway.

    Returns:
        `anchors` and `couplings` (the axes), and by row of `anchors`, after the rounds: `spread` (mean sd of r within a
        prompt), `correct` (mean mass of right answers), `acceptance` (mean Z), `support` (exp of the mean entropy of
        answers), `confirmed_in` (the first round from whose start on spread is at most delta, to the end; None: it is not at
        the end); and `first`, `correct` at the start.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    start = rng.dirichlet(np.ones(answers), size=prompts)
    truth = (rng.random((prompts, answers)) < 0.3).astype(float)
    truth[:, 0] = 1.0
    anchors, couplings = np.linspace(0, 1, size), np.linspace(0, 2, size)
    found: dict[str, Any] = {name: [] for name in ("spread", "correct", "acceptance", "support", "confirmed_in")}
    for anchor in anchors:
        rows: dict[str, list[Any]] = {name: [] for name in found}
        for coupling in couplings:
            def gate(p: Table, a: float = float(anchor), b: float = float(coupling)) -> Table:
                return a * truth + (1 - a) * (p / p.max(1, keepdims=True)) ** b

            laws = recursion(start, gate, rounds)
            widths = [float(spread(p, gate(p)).mean()) for p in laws]
            p, r = laws[-1], gate(laws[-1])
            with np.errstate(divide="ignore", invalid="ignore"):
                bits = -np.where(p > 0, p * np.log(p), 0).sum(1)
            now = {"spread": widths[-1], "correct": (p * truth).sum(1).mean(), "acceptance": (p * r).sum(1).mean(),
                   "support": math.exp(bits.mean())}  # fmt: skip
            for name, value in now.items():
                rows[name].append(round(float(value), 4))
            apart = [t for t, width in enumerate(widths) if width > delta]
            rows["confirmed_in"].append(None if apart and apart[-1] == rounds else apart[-1] + 1 if apart else 0)
        for name, values in rows.items():
            found[name].append(values)
    return {"anchors": [round(float(a), 4) for a in anchors], "couplings": [round(float(b), 4) for b in couplings],
            "rounds": rounds, "delta": delta, "first": round(float((start * truth).sum(1).mean()), 4), **found}  # fmt: skip

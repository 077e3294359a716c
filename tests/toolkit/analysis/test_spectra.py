"""Spectra of known covariances, from batches of any size, in memory that does not grow."""

import math
import tracemalloc

import numpy as np
import pytest

from toolkit.analysis.spectra import Covariance, spectrum


def test_batches_give_the_covariance_of_all() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 7)) @ rng.normal(size=(7, 7)) + 1e4
    gathered = Covariance(7)
    for part in np.split(rows, [1, 2, 3, 100, 100, 450]):
        gathered.add(part)
    assert gathered.n == 500
    assert gathered.mean == pytest.approx(rows.mean(0))
    assert gathered.matrix() == pytest.approx(np.cov(rows.T), rel=1e-6), "far from the origin, too"


def test_the_spectrum_of_known_eigenvalues() -> None:
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    found = spectrum(axes @ np.diag([8.0, 4.0, 2.0, 2.0]) @ axes.T)
    assert found["ratio"] == pytest.approx(2)
    assert found["top_share"] == pytest.approx(0.5)
    assert found["effective_rank"] == pytest.approx(math.exp(0.5 * math.log(2) + 0.25 * math.log(4) + 2 * 0.125 * math.log(8)))
    assert found["participation"] == pytest.approx(16**2 / (64 + 16 + 4 + 4))
    alike = spectrum(np.eye(5) * 3)
    assert (alike["ratio"], alike["effective_rank"], alike["participation"]) == (pytest.approx(1), pytest.approx(5), pytest.approx(5))
    line = spectrum(np.outer([1, 2, 3], [1, 2, 3]))
    assert (line["ratio"], line["top_share"], line["effective_rank"]) == (None, 1, pytest.approx(1)), "rounding is no direction"
    assert spectrum(np.zeros((3, 3)))["top_share"] is None


def test_a_planted_covariance_is_found_from_samples() -> None:
    rng = np.random.default_rng(2)
    gathered = Covariance(16)
    for _ in range(50):
        gathered.add(rng.normal(size=(400, 16)) * np.sqrt(np.array([9.0, *[1.0] * 15])))
    found = spectrum(gathered.matrix())
    assert found["ratio"] == pytest.approx(9, rel=0.1)
    assert found["top_share"] == pytest.approx(9 / 24, rel=0.05)


def test_memory_does_not_grow_with_samples() -> None:
    gathered, batch = Covariance(64), np.random.default_rng(3).normal(size=(256, 64))
    gathered.add(batch)
    tracemalloc.start()
    gathered.add(batch)
    first = tracemalloc.get_traced_memory()[1]
    for _ in range(300):
        gathered.add(batch)
    assert tracemalloc.get_traced_memory()[1] < 1.5 * first
    tracemalloc.stop()


def test_what_is_no_sample_is_refused() -> None:
    gathered = Covariance(3)
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        gathered.add(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="not all finite"):
        gathered.add(np.array([[1.0, np.nan, 0.0]]))
    with pytest.raises(ValueError, match="wants two samples"):
        gathered.matrix()

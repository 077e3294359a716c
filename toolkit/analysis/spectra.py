"""The spectrum of a covariance: how much of what varies lies in one direction.

A covariance is gathered batch by batch, so memory is that of one matrix, however many samples there are.

Source: effective rank, exp of the entropy of the eigenvalues' shares, Roy and Vetterli (2007), EUSIPCO.
"""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Covariance:
    """Mean and covariance of samples that come in batches.

    Attributes:
        n: samples so far.
        mean: shape (dim,).
    """

    def __init__(self, dim: int) -> None:
        import numpy as np

        self.n = 0
        self.mean: NDArray[np.float64] = np.zeros(dim)
        self._squares: NDArray[np.float64] = np.zeros((dim, dim))

    def add(self, batch: Any) -> None:
        """Add samples, shape (n, dim). Raises ValueError for another shape, or numbers that are not finite."""
        import numpy as np

        rows = np.asarray(batch, np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.mean):
            raise ValueError(f"samples have shape {rows.shape}, not (n, {len(self.mean)})")
        if not np.isfinite(rows).all():
            raise ValueError("samples are not all finite")
        if not len(rows):
            return
        middle = rows.mean(0)
        rows = rows - middle
        apart = middle - self.mean
        total = self.n + len(rows)
        self._squares += rows.T @ rows
        self._squares += np.multiply.outer(apart, apart * (self.n * len(rows) / total))
        self.mean += apart * (len(rows) / total)
        self.n = total

    def matrix(self) -> "NDArray[np.float64]":
        """Return the unbiased covariance, shape (dim, dim). Raises ValueError with fewer than two samples."""
        if self.n < 2:
            raise ValueError(f"a covariance wants two samples; got {self.n}")
        return self._squares / (self.n - 1)


def spectrum(covariance: Any) -> dict[str, float | None]:
    """Describe the eigenvalues of a covariance, shape (dim, dim).

    Returns:
        `ratio` (lambda1 / lambda2; None where lambda2 is 0), `top_share` (lambda1 over their sum), `effective_rank` (exp of
        the entropy of their shares), `participation` ((sum)^2 / sum of squares), `total` (their sum) and `top` (lambda1).
        All but the last two are None where nothing varies. What rounding leaves of a 0 counts as 0.
    """
    import numpy as np

    values = np.linalg.eigvalsh(np.asarray(covariance, np.float64))[::-1]
    values = np.where(values > values[0] * len(values) * np.finfo(float).eps, values, 0.0)
    total = float(values.sum())
    if total <= 0:
        return {"ratio": None, "top_share": None, "effective_rank": None, "participation": None, "total": 0.0, "top": 0.0}
    shares = values / total
    some = shares[shares > 0]
    return {
        "ratio": float(values[0] / values[1]) if len(values) > 1 and values[1] > 0 else None,
        "top_share": float(shares[0]),
        "effective_rank": math.exp(-float((some * np.log(some)).sum())),
        "participation": float(1 / (shares**2).sum()),
        "total": total,
        "top": float(values[0]),
    }

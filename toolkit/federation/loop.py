"""The server's part of federated training, in this process: who takes part, what is averaged, what was sent.

A client is a function from the server's weights to an `Update`: arrays and numbers, never data. The same functions run as
Flower apps (`toolkit.federation.flower`), where server and clients are different machines.

FedAvg: McMahan et al., arXiv 1602.05629. FedProx (the clients' part is in `toolkit.federation.client`): arXiv 1812.06127.
Averaging where masks differ: FedSpaLLM, arXiv 2410.14852. Left out: hierarchies of servers (FedPhD, arXiv 2507.06449).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolkit.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arrays = Mapping[str, "NDArray[Any]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a client sends.

    Attributes:
        arrays: its weights after training, by name.
        weight: how much it counts: the tokens that it trained on.
        numbers: what else it reports, such as its losses.
    """

    arrays: Arrays
    weight: float
    numbers: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import numpy as np

        if not all(isinstance(each, np.ndarray) and each.dtype.kind in "fiub" for each in self.arrays.values()):
            raise TypeError("an update holds arrays of numbers, and nothing else")
        if not all(isinstance(each, int | float) for each in [self.weight, *self.numbers.values()]):
            raise TypeError("beside its arrays, an update holds numbers only")
        if not self.weight > 0:
            raise UsageError("a client that trained on nothing cannot take part")


Client = Callable[[Arrays, int], Update]
"""Trains from the server's weights; the second argument is the round, from 0."""


def average(updates: Sequence[Update]) -> dict[str, "NDArray[Any]"]:
    """Return the mean of the clients' arrays by their weights, in the dtype that they have (FedAvg).

    Raises:
        UsageError: there is no update, or their arrays differ in names or shapes.
    """
    import numpy as np

    if not updates:
        raise UsageError("there is no update to average")
    total = sum(each.weight for each in updates)
    first = updates[0].arrays
    shapes = {name: array.shape for name, array in first.items()}
    if any({name: array.shape for name, array in each.arrays.items()} != shapes for each in updates):
        raise UsageError("clients sent arrays of different names or shapes")
    if len(updates) == 1:
        return {name: array.copy() for name, array in first.items()}
    found = {}
    for name, array in first.items():
        mean = np.zeros(array.shape, np.float64)
        for each in updates:
            mean += each.arrays[name].astype(np.float64) * (each.weight / total)
        found[name] = mean.astype(array.dtype)
    return found


def average_kept(arrays: Sequence["NDArray[Any]"], masks: Sequence["NDArray[Any]"]) -> "NDArray[Any]":
    """Return the mean of each entry over the clients that kept it; 0 where none did."""
    import numpy as np

    kept = np.sum([np.asarray(mask, np.float64) for mask in masks], axis=0)
    total = np.sum([np.asarray(mask) * array for mask, array in zip(masks, arrays, strict=True)], axis=0)
    mean: NDArray[Any] = np.divide(total, kept, out=np.zeros_like(total, dtype=np.float64), where=kept > 0)
    return mean


def chosen(n_clients: int, fraction: float, number: int, seed: int = 0) -> list[int]:
    """Return which clients take part in a round: a fraction of them, at least one, drawn anew each round.

    Raises:
        UsageError: the fraction is not above 0, or above 1.
    """
    import numpy as np

    if not 0 < fraction <= 1:
        raise UsageError(f"the fraction of clients that take part must be above 0 and at most 1, not {fraction:g}")
    n = max(1, round(fraction * n_clients))
    return sorted(int(at) for at in np.random.default_rng([seed, number]).permutation(n_clients)[:n])


def one_round(
    weights: Arrays, clients: Sequence[Client], number: int, *, fraction: float = 1.0, seed: int = 0,
    advance: Callable[[str, int, int], None] = lambda *_: None,
) -> tuple[dict[str, "NDArray[Any]"], dict[str, Any]]:  # fmt: skip
    """Do a round: send, train, average.

    Returns:
        The new weights, and for the ledger: `clients` that took part, `bytes_down` and `bytes_up`, `weight` and `drift` of
        each client (how far it ended from the mean, over how far the mean went), and the numbers that clients sent.
    """
    who = chosen(len(clients), fraction, number, seed)
    updates: list[Update] = []
    for at in who:
        advance(f"round {number + 1}, client {at}", len(updates), len(who))
        updates.append(clients[at](weights, number))
    after = average(updates)
    went = _norm(after, weights)
    return after, {
        "clients": who, "bytes_down": n_bytes(weights) * len(who), "bytes_up": sum(n_bytes(each.arrays) for each in updates),
        "weight": [each.weight for each in updates],
        "drift": [_norm(each.arrays, after) / went if went else 0.0 for each in updates],
        **{name: [each.numbers[name] for each in updates] for name in updates[0].numbers},
    }  # fmt: skip


def federate(weights: Arrays, clients: Sequence[Client], rounds: int, **more: Any) -> tuple[Arrays, list[dict[str, Any]]]:
    """Do all rounds; return the last weights and each round's row for the ledger (see `one_round`)."""
    ledger = []
    for number in range(rounds):
        weights, row = one_round(weights, clients, number, **more)
        ledger.append(row)
    return weights, ledger


def n_bytes(arrays: Arrays) -> int:
    """Return the bytes of arrays, as they are sent."""
    return sum(each.nbytes for each in arrays.values())


def _norm(one: Arrays, other: Arrays) -> float:
    import numpy as np

    return float(np.sqrt(sum(float(((one[name] - other[name]).astype(np.float64) ** 2).sum()) for name in one)))

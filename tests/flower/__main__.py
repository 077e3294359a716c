"""Run the same clients on Flower's strategies and on our loop, and compare; `--write` writes the vectors that tests keep.

Clients take steps of gradient descent on a quadratic of their own, so nothing but numpy is needed beside Flower.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

os.environ["FLWR_TELEMETRY_ENABLED"] = "0"

from flwr.app import Context, Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity  # private: hence the pinned version

from tests.flower.quadratic import ROUNDS, SIZES, START, client
from toolkit.federation import flower
from toolkit.federation.loop import Arrays, federate

VECTORS = Path(__file__).parents[1] / "toolkit" / "federation" / "flower.json"


class Here(Grid):
    """A grid without a network: nodes are apps of this process. Of what it must have, the loop calls `send_and_receive` alone."""

    def __init__(self, apps: list[Any], contexts: list[Context]) -> None:
        self.apps, self.contexts = apps, contexts

    def set_run(self, run: Any) -> None: ...

    run = None  # type: ignore[assignment]

    def create_message(self, *_: Any, **__: Any) -> Message:
        raise NotImplementedError

    def get_node_ids(self) -> Iterable[int]:
        return list(range(1, len(self.apps) + 1))

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        raise NotImplementedError

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        raise NotImplementedError

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        return [self.apps[m.metadata.dst_node_id - 1](m, self.contexts[m.metadata.dst_node_id - 1]) for m in messages]


def on_flower(mu: float) -> dict[str, Any]:
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1
    contexts = [Context(run_id=1, node_id=at + 1, node_config={}, state=RecordDict(), run_config={}) for at in range(len(SIZES))]
    apps = [flower.client_app(lambda _, at=at: client(at, mu)) for at in range(len(SIZES))]
    found: dict[str, Any] = {}
    server = flower.server_app(lambda _: START, ROUNDS, lambda _, arrays: found.update(arrays))
    server(Here(apps, contexts), Context(run_id=1, node_id=0, node_config={}, state=RecordDict(), run_config={}))
    return found


def main() -> None:
    vectors: dict[str, Any] = {}
    for name, mu in (("fedavg", 0.0), ("fedprox", 0.5)):
        theirs = on_flower(mu)
        ours: Arrays = federate(START, [client(at, mu) for at in range(len(SIZES))], ROUNDS)[0]
        for key, array in theirs.items():
            # Flower adds in an order of chance
            assert np.allclose(array, ours[key], rtol=1e-12, atol=0), (name, key, array, ours[key])
        vectors[name] = {key: array.tolist() for key, array in theirs.items()}
    assert vectors["fedavg"] != vectors["fedprox"]
    if "--write" in sys.argv:
        VECTORS.write_text(json.dumps(vectors, indent=1) + "\n")
    kept = json.loads(VECTORS.read_text())
    for name, arrays in vectors.items():
        assert all(np.allclose(kept[name][key], array, rtol=1e-12, atol=0) for key, array in arrays.items()), name
    print("Flower, our loop and the vectors that tests keep agree:", ", ".join(vectors))


if __name__ == "__main__":
    main()

"""The clients and the server of `toolkit.federation` as Flower apps, for nodes that are different machines.

`pip install "exogate[federated]"` in an environment of its own: Flower wants older typer, rich and packaging than the rest.
In the project that `flwr run` is given:

    [tool.flwr.app.components]
    serverapp = "toolkit.federation.flower:server"
    clientapp = "toolkit.federation.flower:client"

    [tool.flwr.app.config]
    model = "smollm2"
    rounds = 2
    steps = 4
    output = "federated"

and each node its own rows: `--node-config 'data="rows.jsonl" number=0'`. Only arrays and numbers leave a node. Set
FLWR_TELEMETRY_ENABLED=0 where nothing is to be reported to Flower's makers.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.federation.loop import Arrays, Client

if TYPE_CHECKING:
    from toolkit.federation.client import Trainer

WEIGHT = "weight"
"""Name of the number by which updates are averaged: tokens trained on."""
_DEFAULTS: Mapping[str, Any] = {
    "model": "smollm2", "shared": "ffa", "rank": 16, "rounds": 2, "steps": 4, "batch": 2, "sequence": 128, "lr": 2e-4,
    "mu": 0.0, "seed": 0, "fraction": 1.0, "output": "federated", "dtype": "float32",
}  # fmt: skip


def client_app(client: Callable[[Any], Client]) -> Any:
    """Return a `ClientApp` that answers a round as a client of ours does.

    Args:
        client: makes it of the node's `Context`.
    """
    from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp

    app = ClientApp()

    def train(message: Message, context: Context) -> Message:
        given = {name: array.numpy() for name, array in message.content["arrays"].items()}
        number = int(message.content["config"]["server-round"]) - 1
        update = client(context)(given, number)
        numbers = MetricRecord({WEIGHT: update.weight, **update.numbers})
        content = RecordDict({"arrays": ArrayRecord(_arrays(update.arrays)), "metrics": numbers})
        return Message(content=content, reply_to=message)

    app.train()(train)
    return app


def server_app(
    weights: Callable[[Any], Arrays], rounds: int, done: Callable[[Any, Arrays], None], fraction: float = 1.0
) -> Any:
    """Return a `ServerApp` that averages updates as `toolkit.federation.loop.average` does.

    Args:
        weights: those of the beginning, of the server's `Context`.
        rounds: how many there are; a `rounds` of the run's configuration counts instead.
        done: is given the context and the last weights.
        fraction: of the nodes that take part in a round; likewise.
    """
    from flwr.app import ArrayRecord, Context
    from flwr.serverapp import Grid, ServerApp
    from flwr.serverapp.strategy import FedAvg

    app = ServerApp()

    def main(grid: Grid, context: Context) -> None:
        config = context.run_config
        strategy = FedAvg(
            fraction_train=float(config.get("fraction", fraction)), fraction_evaluate=0.0, min_train_nodes=1,
            min_available_nodes=1, weighted_by_key=WEIGHT,
        )  # fmt: skip
        result = strategy.start(
            grid=grid, initial_arrays=ArrayRecord(_arrays(weights(context))), num_rounds=int(config.get("rounds", rounds))
        )
        done(context, {name: array.numpy() for name, array in result.arrays.items()})

    app.main()(main)
    return app


def _arrays(arrays: Arrays) -> dict[str, Any]:
    from flwr.app import Array

    return {name: Array(array) for name, array in arrays.items()}


_TRAINERS: dict[str, "Trainer"] = {}


def _trainer(context: Any) -> "Trainer":
    """Load the model of the run's configuration once a process, as every node of the run does."""
    from toolkit.federation.client import Trainer, with_adapter
    from toolkit.models.load import load
    from toolkit.models.source import Source
    from toolkit.training.settings import TrainSettings

    config = {**_DEFAULTS, **context.run_config}
    key = repr(sorted(config.items()))
    if key not in _TRAINERS:
        settings = TrainSettings(
            data=(Path("node"),), output=Path(str(config["output"])), steps=config["steps"], batch=config["batch"],
            sequence=config["sequence"], lr=config["lr"], seed=config["seed"], dtype=config["dtype"],
        )  # fmt: skip
        loaded = load(Source(model=str(config["model"]), dtype=str(config["dtype"])))
        rank = int(config["rank"])
        loaded = with_adapter(loaded, config["shared"], rank=rank, alpha=2 * rank, seed=int(config["seed"]))
        _TRAINERS[key] = Trainer(loaded=loaded, settings=settings, mu=float(config["mu"]), rounds=int(config["rounds"]))
    return _TRAINERS[key]


def _client(context: Any) -> Client:
    from toolkit.training import data

    config = context.node_config
    number = int(config.get("number", config.get("partition-id", 0)))
    texts, _ = data.read([Path(str(config["data"]))])
    return lambda given, at_round: _trainer(context).train(given, at_round, number, texts)


def _save(context: Any, arrays: Arrays) -> None:
    from toolkit.federation.client import merged
    from toolkit.models.save import save

    trainer = _trainer(context)
    trainer.put(arrays)
    loaded = merged(trainer.loaded)
    save(loaded.model, loaded.tokenizer, Path(str({**_DEFAULTS, **context.run_config}["output"])) / "model", "")


def __getattr__(name: str) -> Any:
    """Make the apps `client` and `server` when Flower asks for them."""
    if name == "client":
        return client_app(_client)
    if name == "server":
        return server_app(lambda context: _trainer(context).arrays(), int(_DEFAULTS["rounds"]), _save)
    raise AttributeError(name)

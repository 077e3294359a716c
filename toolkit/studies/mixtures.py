"""What the studies of mixtures of experts share: texts, upcycled parents, trainings, and loads on other texts."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolkit.analysis import routing as measures
from toolkit.errors import UsageError
from toolkit.studies.lab import Lab
from toolkit.studies.settings import Field, S, StudySettings

if TYPE_CHECKING:
    from toolkit.models.load import Loaded


class MixtureSettings(StudySettings):
    """Settings of studies that train mixtures."""

    experts: int = Field(8, ge=2, description="Experts of a layer.")
    active: int = Field(2, ge=2, description="Experts that a token passes through.")
    layers: int = Field(4, ge=0, description="How many layers, counted from the last, become mixtures; 0: all.")
    trains: Literal["feed-forward", "all"] = Field("feed-forward", description="What is trained: those layers' experts and "
                                                   "routers (feed-forward), or all weights.")  # fmt: skip
    steps: int = Field(24, ge=1, description="Steps of each training.")
    batch: int = Field(2, ge=1, description="Blocks a step.")
    micro_batch: int = Field(2, ge=1, description="Blocks at a time.")
    sequence: int = Field(128, ge=2, description="Tokens of a block.")
    lr: float = Field(5e-5, gt=0, description="Learning rate.")
    data: str = Field("", description="JSONL to train on, as toolkit train reads it [default: functions of the standard "
                      "library, which full training wants to replace].")  # fmt: skip
    texts: int = Field(400, ge=2, description="Functions that are trained on; of other data, all but held_texts are.")
    held_texts: int = Field(16, ge=1, description="Other texts, on which loss and loads are measured.")


def texts(lab: Lab[Any], seed: int) -> dict[str, Any]:
    """Write the texts to train on and those that are held out; return their files and hashes."""
    settings: MixtureSettings = lab.settings
    folder = settings.output / f"seed{seed}" / "texts"

    def act() -> dict[str, Any]:
        found = _given(Path(settings.data)) if settings.data else _functions()
        random.Random(seed).shuffle(found)
        n = len(found) - settings.held_texts if settings.data else min(settings.texts, len(found) - settings.held_texts)
        if n < 1:
            raise UsageError(f"{settings.data or 'the standard library'} has {len(found)} texts: too few to hold "
                             f"{settings.held_texts} out")  # fmt: skip
        parts = {"train": found[:n], "held": found[n:][: settings.held_texts]}
        hashes = {}
        for name, part in parts.items():
            written = "".join(json.dumps({"text": text}) + "\n" for text in part).encode()
            (folder / f"{name}.jsonl").write_bytes(written)
            hashes[name] = hashlib.sha256(written).hexdigest()
        return hashes

    folder.mkdir(parents=True, exist_ok=True)
    asked = {"seed": seed, "texts": settings.texts, "held": settings.held_texts, "data": settings.data}
    hashes = lab.stage(f"seed{seed}/texts", "prepare", asked, act)
    return {"train": folder / "train.jsonl", "held": folder / "held.jsonl", "sha256": hashes}


def _functions() -> list[str]:
    from toolkit.federation.topics import functions

    return [row["text"] for row in functions()]


def _given(file: Path) -> list[str]:
    from toolkit.training import data

    texts = [each.text if isinstance(each, data.Learnt) else each for each in data.read([file])[0]]
    return [text if isinstance(text, str) else "".join(text) for text in texts]


class Upcycled:
    """A parent's mixture, whose weights lie in a folder while they are needed.

    Attributes:
        outputs: `difference` (largest of logits, of the mixture and its parent), `parameters`, `active`, and the numbers
            of the `layers` that are mixtures.
    """

    def __init__(self, lab: Lab[Any], seed: int, init: str, **more: Any) -> None:
        settings: MixtureSettings = lab.settings
        self.lab, self.name = lab, f"seed{seed}/init-{init}"
        self.how = {"experts": settings.experts, "active": settings.active, "layers": settings.layers or None, "init": init,
                    "seed": seed, **more}  # fmt: skip
        self.inputs = {"model": settings.model, **self.how}
        self.outputs = lab.stage(self.name, "prepare", self.inputs, self._write)

    def folder(self) -> str:
        """Return the folder with the weights; write them again if they are gone."""
        folder: Path = self.lab.settings.output / self.name / "model"
        if not (folder / "config.json").exists():
            self._write()
        return str(folder)

    def remove(self) -> None:
        """Delete the weights."""
        shutil.rmtree(self.lab.settings.output / self.name / "model", ignore_errors=True)

    def _write(self) -> dict[str, Any]:
        import torch

        from toolkit.models.load import machine
        from toolkit.models.save import save
        from toolkit.surgery.upcycle import Upcycling, upcycle

        parent = self.lab.load(dtype="float32")
        made = upcycle(parent.model, Upcycling(**self.how))
        ids = torch.arange(64, device=made.device)[None] % made.config.vocab_size
        with torch.inference_mode():
            difference = float((made(ids).logits - parent.model(ids).logits).abs().max())
        folder: Path = self.lab.settings.output / self.name / "model"
        shutil.rmtree(folder, ignore_errors=True)
        fresh = folder.with_name("model.new")
        save(made, parent.tokenizer, fresh, "")
        fresh.rename(folder)
        sizes = machine(made)
        return {"difference": difference, "parameters": sizes["n_parameters"], "active": sizes["n_active"],
                "layers": list(range(made.config.first_k_dense_replace, made.config.num_hidden_layers))}  # fmt: skip


class Trained:
    """A training of a mixture, or of the same layers of its parent; the weights lie in a folder while they are needed.

    Attributes:
        outputs: `losses`, `tokens`, and `routing` (what `Routing.report` says), a number a step.
        digest: stands for all that the weights depend on.
    """

    def __init__(
        self, lab: Lab[Any], name: str, seed: int, model: Callable[[], str], inputs: Mapping[str, Any],
        layers: Sequence[int], **balance: Any,
    ) -> None:  # fmt: skip
        settings: MixtureSettings = lab.settings
        self.lab, self.folder, self.model = lab, settings.output / name / "trained", model
        data = texts(lab, seed)
        only = None if settings.trains == "all" else rf"layers\.({'|'.join(map(str, layers))})\.mlp\."
        self.how = {
            "full": True, "only": only, "steps": settings.steps, "batch": settings.batch, "sequence": settings.sequence,
            "micro_batch": settings.micro_batch, "lr": settings.lr, "seed": seed, "dtype": settings.dtype or None,
            "device": settings.device or None, **balance,
        }  # fmt: skip
        self.data = data["train"]
        asked = {"parent": dict(inputs), "texts": data["sha256"]["train"], **self.how}
        self.outputs = lab.stage(name, "train", asked, lambda: self._train(resume=True))
        self.digest = hashlib.sha256(json.dumps([asked, self.outputs["losses"]], default=str).encode()).hexdigest()[:16]

    def weights(self) -> str:
        """Return the folder with the weights; train anew if they are gone."""
        if not (self.folder / "model" / "config.json").exists():
            self._train(overwrite=True)
        return str(self.folder / "model")

    def remove(self) -> None:
        """Delete the weights."""
        shutil.rmtree(self.folder / "model", ignore_errors=True)

    def _train(self, **more: Any) -> dict[str, Any]:
        from toolkit.training.loop import TrainSettings, train

        given = {name: value for name, value in self.how.items() if value is not None}
        training = TrainSettings(data=(self.data,), output=self.folder, model=self.model(), **given, **more)
        done = train(training, self.lab.advance)
        routing = json.loads((self.folder / "training.json").read_bytes())["routing"]
        return {"losses": [round(each, 6) for each in done.losses], "tokens": done.tokens, "routing": routing}


def held_out(lab: Lab[Any], folder: str, digest: str, seed: int, build: "Callable[[], Loaded]") -> Any:
    """Return loss and loads of a model on texts that were held out; None if that waits.

    `loss` in nats a token, `loads` (layers x experts), what `of_layers` says of them, and `dropped_at_1`: the share of
    assignments over a capacity of 1, with all texts as one batch.
    """
    settings: MixtureSettings = lab.settings
    data = texts(lab, seed)

    def act() -> dict[str, Any]:
        import torch

        from toolkit.surgery.moe import Routing
        from toolkit.training import data as packing
        from toolkit.training.loss import mean_loss

        loaded = build()
        blocks = packing.Blocks(
            texts=packing.read([data["held"]])[0], tokenizer=loaded.tokenizer, length=settings.sequence, seed=0
        )
        routing = Routing(loaded.model)
        try:
            with torch.inference_mode():
                for number in range(blocks.n_blocks(0)):
                    ids = torch.from_numpy(blocks.take(number, 1)).long().to(loaded.model.device)
                    routing.reads(ids[:, 0] != packing.PADDING)
                    loaded.model(**packing.inputs(ids, loaded.tokenizer.eos_token_id), use_cache=False)
                    routing.loss()
            routing.after_step()
        finally:
            routing.close()
        found = {"loss": round(mean_loss(loaded.model, blocks, loaded.model.device, "float32"), 6)}
        if not routing.history:
            return found
        loads = routing.history[0]
        most = [measures.dropped(layer, measures.capacity(1.0, 1, sum(layer), len(layer))) for layer in loads]
        shares = {name: round(value, 6) for name, value in measures.of_layers(loads).items()}
        return {**found, **shares, "dropped_at_1": round(sum(most) / len(most), 6), "loads": loads}

    asked = {"model": digest, "texts": data["sha256"]["held"], "sequence": settings.sequence, "dtype": settings.dtype}
    return lab.aside(folder, "measure-loads", asked, act)


def trained_tokens(settings: S, n: int) -> float:
    """Return the tokens of so many trainings; of the last layers alone, which have half of the work, half of them."""
    assert isinstance(settings, MixtureSettings)
    part = 0.5 if settings.layers and settings.trains == "feed-forward" else 1.0
    return part * n * settings.steps * settings.batch * settings.sequence

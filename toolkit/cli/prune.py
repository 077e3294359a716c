"""`toolkit prune`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import Adapter, AsJson, Device, Dtype, Revision, Seed, refuse, stderr_console
from toolkit.cli.progress import ProgressBar
from toolkit.cli.reported import reported


def prune(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Hub id, folder, .gguf file, or smollm2.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pruned model, and pruning.json.")],
    ffn: Annotated[float, typer.Option("--ffn", help="Share of feed-forward channels to remove in each layer.")] = 0.0,
    layers: Annotated[
        int, typer.Option("--layers", min=0, help="Layers to remove: those that change their input least.")
    ] = 0,
    score: Annotated[str, typer.Option("--score", help="How channels are chosen: act, mag or random.")] = "act",
    calibration: Annotated[
        list[Path] | None, typer.Option("--calibration", help="JSONL of texts, as toolkit train reads it; may be repeated.")
    ] = None,
    texts: Annotated[int, typer.Option("--texts", min=1, help="Most rows of it to read.")] = 128,
    revision: Revision = None,
    adapter: Adapter = None,
    seed: Seed = 0,
    device: Device = None,
    dtype: Dtype = None,
    as_json: AsJson = False,
) -> None:
    """Remove channels and layers of a model, and write the rest as an ordinary model; an adapter is merged first."""
    from toolkit.commands.prune import prune as command
    from toolkit.models.source import Source

    refuse(context, [] if ffn else ["score"], "without --ffn, whose channels it chooses")
    refuse(context, [] if layers or score == "act" else ["calibration", "texts"], f"with --score {score}, which needs none")
    refuse(context, [] if score == "random" else ["seed"], "without --score random")
    source = Source(model=model, revision=revision, adapter=adapter, device=device, dtype=dtype)
    with reported(), ProgressBar(stderr_console(), quiet=as_json) as advance:
        found = command(
            source, output, ffn=ffn, layers=layers, score=score, calibration=tuple(calibration or ()), texts=texts,
            seed=seed, advance=advance,
        )  # fmt: skip
    if as_json:
        print(json.dumps(found))
        return
    before, after = found["before"], found["after"]
    share, others = (1 - after[name] / before[name] for name in ("parameters", "without_embedding"))
    print(f"{output}: {after['parameters']:,} of {before['parameters']:,} parameters; {share:.1%} fewer, without the "
          f"embedding {others:.1%} fewer")  # fmt: skip

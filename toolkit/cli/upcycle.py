"""`toolkit upcycle`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import Adapter, AsJson, Device, Revision, Seed, refuse, stderr_console
from toolkit.cli.progress import ProgressBar
from toolkit.cli.reported import reported


def upcycle(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(help="Hub id, folder, .gguf file, or smollm2; its architecture must be like Llama's.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the mixture, and upcycling.json.")],
    experts: Annotated[int, typer.Option("--experts", help="Experts per layer.")] = 8,
    active: Annotated[int, typer.Option("--active", help="Experts that a token passes through.")] = 2,
    layers: Annotated[int | None, typer.Option("--layers", help="Convert only the last N layers [default: all].")] = None,
    init: Annotated[
        str,
        typer.Option(
            "--init", help="How experts are initialised: copy, noise, drop, partition, virtual, random, skewed or dead."
        ),
    ] = "copy",
    router: Annotated[
        float | None, typer.Option("--router", help="Standard deviation of the routers' weights [default: 0.02].")
    ] = None,
    share: Annotated[float, typer.Option("--share", help="With drop: share of inner dimensions to re-initialise.")] = 0.5,
    noise: Annotated[
        float, typer.Option("--noise", help="With noise: its standard deviation, relative to that of the weights.")
    ] = 0.02,
    skew: Annotated[float, typer.Option("--skew", help="With skewed: initial router bias of the first expert.")] = 0.1,
    revision: Revision = None,
    adapter: Adapter = None,
    seed: Seed = 0,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Turn a dense model into a mixture of experts, and write it as an ordinary model; an adapter is merged first."""
    from toolkit.commands.upcycle import upcycle as command
    from toolkit.models.source import Source
    from toolkit.surgery.upcycle import Upcycling

    for name, of in (("share", "drop"), ("noise", "noise"), ("skew", "skewed")):
        refuse(context, [] if init == of else [name], f"without --init {of}")
    source = Source(model=model, revision=revision, adapter=adapter, device=device, dtype="float32")
    with reported(), ProgressBar(stderr_console(), quiet=as_json):
        how = Upcycling(experts=experts, active=active, layers=layers, init=init, router=router, share=share, noise=noise,  # type: ignore[arg-type]
                        skew=skew, seed=seed)  # fmt: skip
        found = command(source, output, how)
    if as_json:
        print(json.dumps(found))
        return
    print(f"{output}: {found['parameters']:,} parameters, {found['active_parameters']:,} for a token; the parent has "
          f"{found['parent_parameters']:,}. Logits differ from its own by at most {found['difference']:.1e}")  # fmt: skip

"""`toolkit upcycle`, as a function: from a dense model to a mixture of experts in a folder."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError
from toolkit.models.source import Source
from toolkit.store.files import check_output, write_atomically, writing
from toolkit.surgery.upcycle import Upcycling

RESULT = "upcycling.json"


def upcycle(source: Source, output: Path, how: Upcycling) -> dict[str, Any]:
    """Create the mixture, compare it with its parent, and write it with its tokenizer and `upcycling.json`.

    Returns:
        The contents of `upcycling.json`: `model`, the fields of `how`, `difference` (largest difference of logits, on 64
        tokens), `parameters`, `active_parameters` (used for one token) and `parent_parameters`.

    Raises:
        UsageError: the folder exists, or the model cannot be made a mixture in this way.
        InfrastructureError: a package is missing, or memory or disk is too small.
    """
    from toolkit.models.load import explained, load, machine
    from toolkit.models.save import save
    from toolkit.surgery.upcycle import upcycle as make

    if output.exists():
        raise UsageError(f"--output {output} is there already; choose another folder")
    check_output(output, is_folder=True)
    loaded = load(source)
    with explained():
        import torch

        made = make(loaded.model, how)
        ids = torch.arange(64, device=made.device)[None] % made.config.vocab_size
        with torch.inference_mode():
            difference = float((made(ids).logits - loaded.model(ids).logits).abs().max())
        sizes = machine(made)
        found = {
            "model": source.model, **asdict(how), "difference": difference, "parameters": sizes["n_parameters"],
            "active_parameters": sizes["n_active"], "parent_parameters": machine(loaded.model)["n_parameters"],
        }  # fmt: skip
    with writing(output):
        save(made, loaded.tokenizer, output, "")
        write_atomically(output / RESULT, (json.dumps(found) + "\n").encode())
    return found

"""`toolkit prune`, as a function: from a model to a smaller one in a folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.errors import UsageError, check_one_of
from toolkit.models.source import Source
from toolkit.progress import Advance
from toolkit.store.files import check_output, write_atomically, writing

RESULT = "pruning.json"
MOST = 512
"""Most tokens read of a calibration text."""


def prune(
    source: Source, output: Path, *, ffn: float = 0.0, layers: int = 0, score: str = "act", calibration: Sequence[Path] = (),
    texts: int = 128, seed: int = 0, advance: Advance = lambda *_: None,
) -> dict[str, Any]:  # fmt: skip
    """Remove channels of the feed-forward blocks, and layers, and write the model with its tokenizer and `pruning.json`.

    Args:
        ffn: share of channels to remove in each layer, in multiples of 8 channels.
        layers: number of layers to remove: those that change their input least.
        score: how channels are chosen, one of `toolkit.surgery.prune.SCORES`.
        calibration: JSONL as `toolkit train` reads it, for the score `act` and for layers.
        texts: most rows to read of it.
        seed: of the score `random`.

    Returns:
        What `pruning.json` says: `ffn`, `score`, `layers` removed, `channels` kept of each layer, and sizes `before` and
        `after`.

    Raises:
        UsageError: nothing is to be pruned, the folder exists, or the model or texts cannot be used.
        InfrastructureError: a package is missing, or memory or disk is too small.
    """
    from toolkit.models.load import explained, load
    from toolkit.models.save import save
    from toolkit.surgery import prune as surgery

    if not ffn and not layers:
        raise UsageError("nothing is to be pruned: say --ffn SHARE, --layers N, or both")
    if not 0 <= ffn < 1:
        raise UsageError(f"--ffn must be at least 0 and below 1, not {ffn:g}")
    check_one_of("--score", score, surgery.SCORES)
    if output.exists():
        raise UsageError(f"--output {output} is there already; choose another folder")
    check_output(output, is_folder=True)
    needs = bool(layers) or (bool(ffn) and score == "act")
    if needs and not calibration:
        raise UsageError(f"{'--layers' if layers else 'the score act'} wants --calibration: JSONL of texts such as the "
                         "model is used for")  # fmt: skip
    read = _texts(calibration, texts) if needs else []
    loaded = load(source)
    with explained():
        ids = [list(loaded.tokenizer(text, verbose=False).input_ids[:MOST]) for text in read]
        before, gone, kept = surgery.sizes(loaded.model), list[int](), list[list[int]]()
        if layers:
            advance("layers", 0, 1)
            if layers >= len(surgery.layers_of(loaded.model)):
                raise UsageError(f"--layers {layers}: the model has {len(surgery.layers_of(loaded.model))}")
            influence = surgery.block_influence(loaded.model, ids)
            gone = sorted(sorted(range(len(influence)), key=lambda at: influence[at])[:layers])
            surgery.cut_layers(loaded.model, gone)
        if ffn:
            advance("channels", 0, 1)
            kept = surgery.kept_channels(surgery.channel_scores(loaded.model, score, ids, seed), ffn)
            surgery.cut_channels(loaded.model, kept)
        found = {
            "model": source.model, "ffn": ffn, "score": score if ffn else None, "texts": len(ids), "seed": seed,
            "layers": gone, "channels": kept, "before": before, "after": surgery.sizes(loaded.model),
        }  # fmt: skip
    with writing(output):
        save(loaded.model, loaded.tokenizer, output, "")
        write_atomically(output / RESULT, (json.dumps(found) + "\n").encode())
    return found


def _texts(files: Sequence[Path], n: int) -> list[str]:
    from toolkit.training import data

    found = []
    for each in data.read(files, unfinished="open")[0][:n]:
        text = each.text if isinstance(each, data.Learnt) else each
        found.append(text if isinstance(text, str) else "".join(text))
    return found

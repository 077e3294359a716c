"""Hidden states and next tokens of a small model, against what torch says directly."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny import TEXTS, tiny
from toolkit.analysis.spectra import spectrum
from toolkit.errors import UsageError
from toolkit.models import hidden
from toolkit.models.load import load
from toolkit.models.source import Source


def test_spectra_are_those_of_all_states_at_once(torch: Any, tmp_path: Path) -> None:
    loaded = load(Source(model=tiny(tmp_path / "model"), device="cpu"))
    texts = [text * 3 for text in TEXTS] * 2 + ["x"]
    found = hidden.measured(loaded, texts, layers=(0, 1, 2))
    states, logs, right = [], [], []
    for text in texts:
        ids = loaded.tokenizer(text, return_tensors="pt").input_ids
        if ids.shape[1] < 2:
            continue
        with torch.inference_mode():
            said = loaded.model(ids, output_hidden_states=True)
        states.append(said.hidden_states[1][0].double().numpy())
        logs.append(torch.log_softmax(said.logits[0, :-1].float(), -1))
        right.append(logs[-1].gather(1, ids[0, 1:, None])[:, 0])
    rows = np.concatenate(states)
    layer = found["layers"][1]
    assert (layer["layer"], layer["n"], layer["dim"]) == (1, len(rows), 32)
    for name, value in spectrum(np.cov(rows.T)).items():
        assert layer[name] == pytest.approx(value, rel=1e-3), name
    all_logs, all_right = torch.cat(logs), torch.cat(right)
    assert found["next_token"]["n"] == len(all_right)
    assert found["next_token"]["nll"] == pytest.approx(-float(all_right.mean()), rel=1e-4)
    assert found["next_token"]["entropy"] == pytest.approx(-float((all_logs.exp() * all_logs).sum(-1).mean()), rel=1e-4)
    assert found["next_token"]["tail"] == pytest.approx(float((all_right.exp() < hidden.TAIL).float().mean()))
    assert found["next_token"]["top"] == pytest.approx(float(all_logs.exp().topk(10, -1).values.sum(-1).mean()), rel=1e-4)


def test_layers_and_texts_that_are_not_there_are_named(torch: Any, tmp_path: Path) -> None:
    loaded = load(Source(model=tiny(tmp_path / "model"), device="cpu"))
    assert [row["layer"] for row in hidden.measured(loaded, TEXTS)["layers"]] == list(hidden.layers_of(2)) == [1, 2]
    assert hidden.layers_of(24) == (6, 12, 18, 24)
    with pytest.raises(UsageError, match="layers 0 to 2"):
        hidden.measured(loaded, TEXTS, layers=(3,))
    with pytest.raises(UsageError, match="two tokens or more"):
        hidden.measured(loaded, [""])


def test_the_way_from_the_first_model(torch: Any, tmp_path: Path) -> None:
    first = load(Source(model=tiny(tmp_path / "first"), device="cpu"))
    loaded = load(Source(model=tiny(tmp_path / "first"), device="cpu"))
    with torch.no_grad():
        loaded.model.lm_head.weight += torch.randn(loaded.model.lm_head.weight.shape, generator=torch.Generator().manual_seed(0))
    found = []
    for text in TEXTS:
        ids = loaded.tokenizer(text, return_tensors="pt").input_ids
        with torch.inference_mode():
            now, before = (torch.log_softmax(each.model(ids).logits[0, :-1], -1) for each in (loaded, first))
        found.append(torch.nn.functional.kl_div(before, now, log_target=True, reduction="none").sum(-1))
    kl = float(torch.cat(found).mean())
    assert kl > 0.1
    assert hidden.measured(loaded, TEXTS, first=first)["next_token"]["kl"] == pytest.approx(kl, rel=1e-4)
    assert hidden.measured(first, TEXTS, first=first)["next_token"]["kl"] == 0
    assert "kl" not in hidden.measured(first, TEXTS)["next_token"]

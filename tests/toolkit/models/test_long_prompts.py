"""Of a prompt that does not fit together with its completion, the first 1,024 tokens are read."""

from pathlib import Path

import pytest

from tests.tiny import tiny

pytest.importorskip("torch")

from toolkit.models.load import load
from toolkit.models.scorer import KEPT, ModelScorer
from toolkit.models.source import Source


def test_the_first_tokens_of_a_long_prompt_and_of_its_completion_are_read(tmp_path: Path) -> None:
    """As in arXiv 2606.28438: 1,024 tokens of each, where the prompt was once cut to a single token."""
    scorer = ModelScorer(loaded=load(Source(model=tiny(tmp_path), device="cpu")))
    prompt, completion = "q7" * 1500, "z3" * 1500
    n = len(scorer.loaded.tokenizer.encode(prompt))
    assert n > scorer.max_tokens == 2 * KEPT == 2048
    for chat in (False, True):
        ids, n_tail = scorer._ids(prompt, completion, chat)
        assert (len(ids), n_tail) == (2048, 1024)
        assert scorer.loaded.tokenizer.decode(ids) == "q7" * 512 + "z3" * 512
        ids, n_tail = scorer._ids(prompt[:1024], completion, chat)
        assert scorer.loaded.tokenizer.decode(ids) == "q7" * 512 + "z3" * 512
    (found,) = scorer.logprobs([prompt], [completion])
    assert len(found) == 1024

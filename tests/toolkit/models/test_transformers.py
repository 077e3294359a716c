"""The generator that runs a model here: what it says is what the model says, whatever is beside it."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny
from tests.toolkit.models.generated import PROMPTS, TASKS, TEXTS, everything, opened
from toolkit.errors import UsageError
from toolkit.models import prompts
from toolkit.models.generators import BadModel, GenerationFailed, Prompt, Sampling, Source, transformers_
from toolkit.models.generators.base import cut
from toolkit.models.generators.transformers_ import TransformersGenerator, draw


def test_greedy_is_what_the_model_says_alone_and_its_log_probability_is_summed_by_hand(torch: Any, folder: str) -> None:
    generator = opened(folder, batch_size=4)
    found = everything(generator, Sampling(max_new_tokens=20))
    assert [one.index for one in found] == list(range(len(TEXTS)))
    for one in found:
        ids = generator.tokenizer(TEXTS[one.index], return_tensors="pt")["input_ids"]
        whole = generator.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=20, pad_token_id=0)
        new = whole[0, ids.shape[1] :]
        assert one.completion == generator.tokenizer.decode(new, skip_special_tokens=True)
        assert (one.n_prompt_tokens, one.n_tokens) == (ids.shape[1], len(new))
        assert one.finished == (new[-1] == 0)
        logprobs = generator.model(whole).logits.detach()[0, ids.shape[1] - 1 : -1].log_softmax(-1)
        by_hand = sum(float(row[token]) for row, token in zip(logprobs, new, strict=True)) / len(new)
        assert one.mean_logprob == pytest.approx(by_hand, abs=2e-6)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("window", [None, 6])
@pytest.mark.parametrize("read_at_once", [2048, 14])  # all columns of a prompt, or two: then short prompts join later
def test_neighbours_padding_and_batch_size_change_nothing(
    torch: Any, tmp_path: Path, temperature: float, window: int | None, read_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers_, "_READ_AT_ONCE", read_at_once)
    folder = tiny(tmp_path)
    if window:  # layers that see the last tokens only have another cache
        from transformers import MistralConfig, MistralForCausalLM

        config = json.loads((tmp_path / "config.json").read_text())
        torch.manual_seed(0)
        names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
        made = MistralConfig(**{name: config[name] for name in names}, sliding_window=window, eos_token_id=0, bos_token_id=None)
        MistralForCausalLM(made).save_pretrained(tmp_path)
    sampling = Sampling(n=3 if temperature else 1, temperature=temperature, top_p=0.9, max_new_tokens=16)
    alone, together, odd = (everything(opened(folder, batch_size=size), sampling) for size in (1, 64, 5))
    assert len(alone) == len(TEXTS) * sampling.n
    for other in (together, odd):
        assert [one.completion for one in other] == [one.completion for one in alone]
        assert [one.mean_logprob for one in other] == pytest.approx([one.mean_logprob for one in alone], abs=1e-4)


def test_stop_strings_end_their_row_and_no_other(folder: str) -> None:
    free = everything(opened(folder), Sampling(max_new_tokens=40))
    stop = free[0].completion[6:9]
    assert stop
    stopped = everything(opened(folder), Sampling(max_new_tokens=40, stop=(stop, "never there")))
    for before, after in zip(free, stopped, strict=True):
        text, is_cut = cut(before.completion, (stop,))
        assert after.completion == text
        assert after.finished == (is_cut or before.finished)
        assert (after.n_tokens < before.n_tokens) or not is_cut or before.completion.endswith(stop)


def test_a_sample_depends_on_its_seed_its_task_and_its_number_alone(folder: str) -> None:
    def texts(asked: Sequence[Prompt] = PROMPTS, **more: Any) -> list[str]:
        return [one.completion for one in everything(opened(folder), Sampling(temperature=1.0, max_new_tokens=12, **more), asked)]

    four = texts(n=4)
    assert texts(n=4) == four
    assert texts(n=2) == [text for i, text in enumerate(four) if i % 4 < 2]
    assert texts(PROMPTS[2:3], n=4) == four[8:12]
    assert texts(n=4, seed=1) != four
    assert len(set(four[:4])) == 4


def test_drawing_takes_the_share_that_was_asked_for(torch: Any) -> None:
    p = torch.tensor([[0.1, 0.5, 0.25, 0.15]])
    for u, top_p, token in [(0.0, 0.7, 1), (0.66, 0.7, 1), (0.67, 0.7, 2), (0.9999, 0.7, 2), (0.05, 1.0, 0), (0.59, 1.0, 1), (0.999, 1.0, 3), (0.999, 0.01, 1)]:
        assert draw(p.log(), 1.0, top_p, torch.tensor([u])).tolist() == [token]
    flat = torch.randn(2, 5000, generator=torch.Generator().manual_seed(0)) * torch.tensor([[0.1], [9.0]])
    u = torch.rand(2, generator=torch.Generator().manual_seed(1))  # the flat row needs a full sort, the other one does not
    together = draw(flat, 1.0, 0.95, u)
    assert together.tolist() == [int(draw(flat[i : i + 1], 1.0, 0.95, u[i : i + 1])) for i in range(2)]
    counts = torch.bincount(draw(p.log().expand(20_000, 4), 0.5, 1.0, torch.rand(20_000, generator=torch.Generator().manual_seed(2))))
    assert (counts / 20_000).tolist() == pytest.approx((p[0] ** 2 / (p**2).sum()).tolist(), abs=0.02)


def test_no_memory_halves_the_batch_and_goes_on(torch: Any, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sampling = Sampling(n=2, temperature=1.0, max_new_tokens=8)
    whole = everything(opened(folder), sampling)
    generator, sizes, room, counted = opened(folder), [], 3, [0, 0]
    forward = generator.model.forward

    def planted(ids: Any, **more: Any) -> Any:
        sizes.append(len(ids))
        if len(ids) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(ids, **more)

    def tick(n_tokens: int, n_ready: int) -> None:
        counted[0], counted[1] = counted[0] + n_tokens, counted[1] + n_ready

    monkeypatch.setattr(generator.model, "forward", planted)
    assert [one.completion for one in everything(generator, sampling, tick=tick)] == [one.completion for one in whole]
    assert counted == [sum(one.n_tokens for one in whole), len(whole)]
    assert max(sizes) > 3
    assert max(sizes[10:]) <= 3
    room = 0
    with pytest.raises(GenerationFailed, match="no memory left for a single sample"):
        everything(generator, sampling)


def test_errors_that_are_no_lack_of_memory_are_not_swallowed(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = opened(folder)

    def planted(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(generator.model, "forward", planted)
    with pytest.raises(RuntimeError, match="a bug"):
        everything(generator, Sampling())


def test_prompts_that_cannot_be_held_are_refused(folder: str) -> None:
    with pytest.raises(BadModel, match="more than the 4096"):
        everything(opened(folder), Sampling(max_new_tokens=4096))
    with pytest.raises(BadModel, match="empty"):
        everything(opened(folder), Sampling(), [Prompt(task_id="T/0", text="")])


def test_the_first_space_of_a_completion_is_kept(torch: Any, tmp_path: Path) -> None:
    generator = opened(tiny(tmp_path, spaced=True))
    before, after = (generator.tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a b", "a b  c d"))
    assert after[: len(before)] == before
    assert generator._decoded(before, after[len(before) :]) == "  c d"


def test_the_chat_template_is_used_where_there_is_one(folder: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no chat template"):
        opened(folder, chat=True)
    assert not opened(folder).chat
    chatty = opened(tiny(tmp_path))
    chatty.tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}"
    chatty.tokenizer.save_pretrained(tmp_path)
    generator = opened(str(tmp_path))
    assert generator.chat
    asked, stop = prompts.for_tasks(list(TASKS.values()), None, generator)
    text = generator.text(asked[0])
    assert text.startswith("<user>Please")
    assert text.endswith("```\n<answer>```python\n")
    assert stop == ("\n```",)
    assert everything(generator, Sampling(max_new_tokens=2), asked)[0].prompt == text
    plain, stop = prompts.for_tasks(list(TASKS.values()), None, opened(str(tmp_path), chat=False))
    assert plain[0].text == TASKS["HumanEval/0"].prompt.strip()
    assert "\ndef " in stop


def test_adapters(torch: Any, folder: str, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    model = opened(folder).model
    warnings.simplefilter("ignore")  # of peft's own; pytest sets the filters back
    wrapped = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj", "v_proj"], r=4))
    torch.manual_seed(3)
    for name, weight in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    wrapped.save_pretrained(tmp_path / "adapter")
    plain, adapted = (everything(opened(folder, adapter=it), Sampling()) for it in (None, str(tmp_path / "adapter")))
    assert [one.completion for one in plain] != [one.completion for one in adapted]
    with pytest.raises(BadModel, match="is it for another one"):
        opened(tiny(tmp_path / "wide", hidden=64), adapter=str(tmp_path / "adapter"))
    for n_layers in (1, 3):
        other = tiny(tmp_path / str(n_layers))
        LlamaForCausalLM(LlamaConfig.from_pretrained(other, num_hidden_layers=n_layers)).save_pretrained(other)
        with pytest.raises(BadModel, match=r"is for another model.*layers\.[12]"):
            opened(other, adapter=str(tmp_path / "adapter"))
    with pytest.raises(BadModel, match="it is an adapter"):
        opened(str(tmp_path / "adapter"))
    with pytest.raises(BadModel, match="cannot be put on this model"):
        opened(folder, adapter="/nowhere")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"device": "cuda:99"}, "--device cuda:99"), ({"device": "nonsense"}, "--device nonsense"), ({"dtype": "int3"}, "--dtype"),
        ({"model": "/nowhere"}, "no such"), ({"model": "/nowhere/x.gguf"}, "no such"), ({"model": "/etc"}, "config.json"),
    ],
)  # fmt: skip
def test_models_that_cannot_be_had(folder: str, more: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        TransformersGenerator(Source(**{"model": folder, **more}))


def test_no_memory_for_a_model_is_said(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    def planted(*_: Any, **__: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", planted)
    with pytest.raises(GenerationFailed, match="no memory"):
        opened(folder)

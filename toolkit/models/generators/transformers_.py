"""Run models in this process with transformers: a hub id, a folder or a GGUF file, on a GPU or the CPU.

The decoding loop replaces `model.generate`: finished rows leave the batch, samples of a prompt share its prefix, every row
draws from its own seed, and the cache is not copied for every token.
"""

import functools
import inspect
import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from toolkit.models import load
from toolkit.models.generators.base import Generation, Prompt, Sampling, Tick, cut, written
from toolkit.models.source import BadModel, GenerationFailed, Source

_KEPT_AHEAD = 128
"""Tokens of spare room in a cache that has grown."""
_READ_AT_ONCE = 2048
"""Prompt tokens read at a time."""
_ENDS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "</s>")
"""Special tokens that end a text, whatever the model's configuration says."""


@dataclass(slots=True)
class _Row:
    """A sample in progress."""

    index: int
    sample_id: int
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    finished: bool = False
    seconds: float = 0.0


class TransformersGenerator:
    """Run a model in batches, longest prompts first. Halve the batches when memory runs out."""

    prefills = True

    @classmethod
    def takes(cls, source: Source) -> bool:
        """Return whether the model is a file or folder, or may be one of the hub."""
        return load.is_hub_id(source.model) or source.model.endswith(".gguf") or os.path.exists(source.model)

    def __init__(self, source: Source, loaded: load.Loaded | None = None) -> None:
        """Load the model, unless `loaded` is given."""
        loaded = loaded or load.read(source)
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        has_template = bool(getattr(self.tokenizer, "chat_template", None))
        if source.chat and not has_template:
            raise BadModel(f"--chat: {source.model} has no chat template")
        self.chat = has_template if source.chat is None else source.chat
        self.about = loaded.about
        self.batch_size = source.batch_size or 64
        self._width = self.batch_size
        self.machine = {**load.machine(self.model), "batch_size": self.batch_size}
        config, vocabulary = self.model.generation_config, self.tokenizer.get_vocab()
        ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
        ends += [self.tokenizer.eos_token_id, *map(vocabulary.get, _ENDS)]
        self._ends = {end for end in ends if end is not None}
        wants = inspect.signature(self.model.forward).parameters
        self._flags = {"logits_to_keep": 1} if "logits_to_keep" in wants else {}
        self._cache = "cache" if "cache" in wants else "past_key_values"  # its older name

    def close(self) -> None:
        """Free the model."""
        import gc

        import torch

        self.model = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def text(self, prompt: Prompt) -> str:
        """Return the exact text given to the model."""
        return written(self.tokenizer, prompt)

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        *,
        done: Collection[tuple[int, int]] = (),
        tick: Tick = lambda *_: None,
    ) -> Iterator[list[Generation]]:
        """Yield all samples; see `Generator`.

        Raises:
            BadModel: a prompt with `max_new_tokens` is longer than the model's context.
            GenerationFailed: a single sample does not fit into memory.
        """
        texts = [self.text(prompt) for prompt in prompts]
        # A chat template writes its own special tokens.
        ids = [
            self.tokenizer(text, add_special_tokens=not prompt.chat)["input_ids"]
            for text, prompt in zip(texts, prompts, strict=True)
        ]
        context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        for prompt, tokens in zip(prompts, ids, strict=True):
            if not tokens:
                raise BadModel(f"{prompt.task_id}: the prompt is empty")
            if context and len(tokens) + sampling.max_new_tokens > context:
                raise BadModel(
                    f"{prompt.task_id}: {len(tokens)} tokens of prompt and {sampling.max_new_tokens} new ones are more than "
                    f"the {context} that the model can hold; lower --max-new-tokens"
                )
        order = sorted(range(len(prompts)), key=lambda index: -len(ids[index]))
        plan = [(index, sample_id) for index in order for sample_id in range(sampling.n)]
        for start in range(0, len(plan), self.batch_size):
            batch = plan[start : start + self.batch_size]
            if all(key in done for key in batch):
                continue
            rows: list[_Row] = []
            while len(rows) < len(batch):
                part = [_Row(*key) for key in batch[len(rows) : len(rows) + self._width]]
                try:
                    self._write(part, ids, prompts, sampling, tick)
                    rows += part
                except Exception as error:
                    if not load.is_out_of_memory(error):
                        raise
                    if self._width == 1:
                        raise GenerationFailed(
                            "no memory left for a single sample; lower --max-new-tokens, or take a smaller model"
                        ) from None
                    tick(-sum(len(row.tokens) for row in part), -sum(row.finished for row in part))
                    self._width = (min(self._width, len(part)) + 1) // 2
                self._free()
            yield [self._generation(row, prompts[row.index], texts[row.index], ids[row.index], sampling) for row in rows]

    def _free(self) -> None:
        import torch

        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()

    def _generation(self, row: _Row, prompt: Prompt, text: str, ids: list[int], sampling: Sampling) -> Generation:
        completion, _ = cut(self._decoded(ids, row.tokens), sampling.stop)
        return Generation(
            index=row.index,
            sample_id=row.sample_id,
            prompt=text,
            completion=completion,
            n_prompt_tokens=len(ids),
            n_tokens=len(row.tokens),
            finished=row.finished,
            mean_logprob=round(row.logprob / len(row.tokens), 6),
            field=prompt.field,
            seconds=row.seconds,
        )

    def _decoded(self, before: Sequence[int], tokens: list[int]) -> str:
        """Return the text of `tokens`, decoded together with the last of `before`: a leading space may depend on them."""
        decode = functools.partial(self.tokenizer.decode, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        context = list(before[-4:])
        return str(decode(context + tokens))[len(decode(context)) :]

    def _write(
        self, rows: list[_Row], ids: Sequence[list[int]], prompts: Sequence[Prompt], sampling: Sampling, tick: Tick
    ) -> None:
        """Write the completions of a batch."""
        import torch
        from transformers import DynamicCache
        from transformers.cache_utils import DynamicLayer

        started = time.monotonic()
        model, device = self.model, self.model.device
        draws = None
        if sampling.temperature:
            seeds = [sampling.seed_of(prompts[row.index].task_id, row.sample_id) for row in rows]
            draws = torch.stack([_draws(seed, sampling.max_new_tokens) for seed in seeds]).to(device)
        asked = list(dict.fromkeys(row.index for row in rows))
        cache = DynamicCache(config=model.config)
        # Read the prompts' common prefix once; not with a sliding window, which the padding behind it would shorten.
        shared, plain = 0, all(type(layer) is DynamicLayer for layer in cache.layers)
        if len(asked) > 1 and plain:
            alike = zip(*(ids[index][:-1] for index in asked), strict=False)
            shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, alike))
        width = max(len(ids[index]) for index in asked) - shared
        rest = [ids[index][shared:] for index in asked]
        tokens = torch.tensor([[0] * (width - len(row)) + row for row in rest], device=device)
        mask = torch.tensor([[1] * shared + [0] * (width - len(row)) + [1] * len(row) for row in rest], device=device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        # Look for stop strings only in the last tokens: one more than the longest string could have.
        n_tail = 1 + max((len(string.encode()) for string in sampling.stop), default=0)

        def read(tokens: Any, mask: Any, positions: Any) -> Any:
            flags = {**self._flags, self._cache: cache}
            said = model(tokens, attention_mask=mask, position_ids=positions, use_cache=True, **flags)
            return said.logits[:, -1]

        with torch.inference_mode():
            if shared:
                first = torch.tensor([ids[asked[0]][:shared]], device=device)
                read(first, mask[:1, :shared], positions[:1, :shared])
            # Prompts end together, so the longest begin first. A row that joins copies the first row's cache, of which it
            # sees only the common prefix: the rest is masked.
            n, step = 1, max(1, _READ_AT_ONCE // len(asked))
            for start in range(0, width, step):
                end = min(width, start + step)
                n_before, n = n, sum(len(row) > width - end for row in rest) if plain else len(asked)
                if n > n_before:
                    cache.reorder_cache(torch.tensor([*range(n_before), *[0] * (n - n_before)], device=device))
                logits = read(tokens[:n, start:end], mask[:n, : shared + end], positions[:n, shared + start : shared + end])
            of = torch.tensor([asked.index(row.index) for row in rows], device=device)
            if len(asked) < len(rows):
                cache.reorder_cache(of)
            _make_room(cache)
            logits, mask, positions = logits[of], mask[of], positions[of, -1:]
            alive = list(range(len(rows)))  # rows still being written
            here = list(range(len(rows)))  # rows in the tensors
            for step in range(sampling.max_new_tokens):
                logits = logits.float()
                u = None if draws is None else draws[here, step]
                chosen = logits.argmax(-1) if u is None else draw(logits, sampling.temperature, sampling.top_p, u)
                logprobs = (logits.gather(-1, chosen[:, None])[:, 0] - logits.logsumexp(-1)).tolist()
                places = {row: at for at, row in enumerate(here)}
                new = chosen.tolist()
                n_ended = 0
                for number in list(alive):
                    row, at = rows[number], places[number]
                    row.tokens.append(new[at])
                    row.logprob += logprobs[at]
                    row.seconds = time.monotonic() - started
                    row.finished = new[at] in self._ends or (
                        n_tail > 1 and cut(self._decoded((), row.tokens[-n_tail:]), sampling.stop)[1]
                    )
                    if row.finished:
                        alive.remove(number)
                        n_ended += 1
                last = step + 1 == sampling.max_new_tokens
                tick(len(alive) + n_ended, len(alive) + n_ended if last else n_ended)
                if last or not alive:
                    return
                if len(alive) <= 0.9 * len(here):  # dropping rows copies the cache
                    keep = torch.tensor([places[number] for number in alive], device=device)
                    cache.reorder_cache(keep)
                    chosen, mask, positions, here = chosen[keep], mask[keep], positions[keep], list(alive)
                mask = torch.cat([mask, mask.new_ones(len(here), 1)], -1)
                positions = positions + 1
                logits = read(chosen[:, None], mask, positions)


def _draws(seed: int, n: int) -> Any:
    """Return `n` numbers in [0, 1) that depend only on the seed."""
    import torch

    return torch.rand(n, generator=torch.Generator().manual_seed(seed))


def draw(logits: Any, temperature: float, top_p: float, u: Any) -> Any:
    """Return each row's token at the quantile `u` of the probability that is sampled from.

    Args:
        logits: rows x vocabulary, float32.
        u: rows, float32, in [0, 1).
    """
    probabilities = (logits / temperature).softmax(-1)
    if top_p == 1:
        return _pick(probabilities, 1.0, u)[:, 0]
    values, tokens = probabilities.topk(min(256, logits.shape[-1]))  # a full sort is slow and rarely needed
    chosen = tokens.gather(-1, _pick(values, top_p, u))
    for row in (values.sum(-1) < top_p).nonzero()[:, 0]:
        values, tokens = probabilities[row, None].sort(descending=True)
        chosen[row] = tokens.gather(-1, _pick(values, top_p, u[row, None]))[0]
    return chosen[:, 0]


def _pick(probabilities: Any, top_p: float, u: Any) -> Any:
    """Return indices, rows x 1, chosen among the first columns that together reach top_p."""
    sums = probabilities.double().cumsum(-1)
    n_kept = (sums < top_p).sum(-1, keepdim=True).clamp(max=sums.shape[-1] - 1) + 1
    share = u.double()[:, None] * sums.gather(-1, n_kept - 1)
    return (sums <= share).sum(-1, keepdim=True).minimum(n_kept - 1)


def _make_room(cache: Any) -> None:
    """Let full-attention layers write into spare room instead of copying the whole cache for every token."""
    from transformers.cache_utils import DynamicLayer

    for layer in cache.layers:
        if type(layer) is DynamicLayer:
            layer.__class__ = _roomy()


@functools.cache
def _roomy() -> Any:
    import torch
    from transformers.cache_utils import DynamicLayer

    class Roomy(DynamicLayer):
        keys: Any
        values: Any
        room: Any = None

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> Any:
            n = self.keys.shape[-2]
            new = n + key_states.shape[-2]
            if self.room is None or self.room[0].shape[-2] < new:
                self.room = tuple(
                    torch.cat([held, held.new_empty(*held.shape[:-2], _KEPT_AHEAD, held.shape[-1])], -2)
                    for held in (self.keys, self.values)
                )
            self.room[0][..., n:new, :] = key_states
            self.room[1][..., n:new, :] = value_states
            self.keys, self.values = (room[..., :new, :] for room in self.room)
            return self.keys, self.values

        def reorder_cache(self, beam_idx: Any) -> None:
            super().reorder_cache(beam_idx)
            self.room = None

    return Roomy

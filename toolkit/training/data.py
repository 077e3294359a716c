"""Training data: read texts from JSONL, cut some up to be filled in the middle, and pack them into blocks of one length.

Nothing is lost: the blocks of an epoch, joined, are all tokens of all texts, each text followed by an end-of-text token. An
answer that was cut off at the token limit is not taught as finished: what follows it is never a target (`Learnt`).
Nothing in a text becomes a special token, whatever it says. Special tokens are added here, or stand in a prompt that the
row says a chat template wrote.
"""

import functools
import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toolkit.errors import UsageError
from toolkit.models.tokens import arranged, middle_tokens, tokens_of
from toolkit.records import Verdict, label
from toolkit.samples.lines import MAX_KEPT, Problems, checked_text, lines
from toolkit.samples.rows import FIELDS, JUDGED, Row
from toolkit.training import disk
from toolkit.training.chats import Template, opened, template_of
from toolkit.training.disk import OnDisk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toolkit.training.settings import TrainSettings

Text = str | tuple[str, str]
"""What a model learns from a row. The first of a pair is a prompt by a chat template, whose special tokens are meant."""
TRAIN = "train.jsonl"
"""The file of a folder that is given as data, as `toolkit distill` writes it."""
PADDING = -1
"""A place in a block that is no target: the model reads an end of text there, and is not taught that it comes.

A token that is read and not learnt is -2 less its number in a block.
"""
Unfinished = Literal["leave-out", "open", "closed"]
"""What becomes of answers that were cut off at the token limit: see `read`."""
Loss = Literal["completion", "all"]
"""Whether prompts are learnt too, or read and not learnt."""
MAX_WEIGHT = 100.0
"""Largest weight of a row."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """A text that is learnt otherwise than whole, with an end, once an epoch.

    Attributes:
        is_open: it has no end, as its answer was cut off.
        n_read: characters at its beginning that are read and not learnt: its prompt.
        weight: how often it is seen in an epoch, on average.
    """

    text: Text
    is_open: bool = False
    n_read: int = 0
    weight: float = 1.0


def read(
    files: Iterable[Path], *, skip_bad: bool = False, unfinished: Unfinished = "leave-out", loss: Loss | None = "all",
    allow_shared: bool = False, template: Template | None = None,
) -> tuple[Sequence[Text | Learnt], list[str]]:
    """Return the texts of JSONL files in order, kept on disk, and why rows were left out, one line each.

    Args:
        files: a folder stands for its `TRAIN`.
        skip_bad: leave out rows that cannot be used.
        unfinished: rows with `"finished": false` are left out, learnt without the end that they lack (`open`: neither the
            closing fence nor the end of text), or learnt as if they had ended (`closed`). Rows without the field have ended.
        loss: whether prompts are learnt (`all`), or read only (`completion`); None: those of chats are read only.
        allow_shared: rows with `"shared": true` are learnt too; see `toolkit.records.label`.
        template: of the model's chats, for rows that have `messages` instead of a text.

    Raises:
        UsageError: a row's text is missing, empty, longer than `MAX_BYTES` or not the one that the gate judged, its
            `finished` or `shared` is neither true nor false, or no row is left.
    """
    texts, problems, n_cut, n_shared = OnDisk[Text | Learnt](), Problems(), 0, 0
    for path in (each / TRAIN if each.is_dir() else each for each in files):
        for place, _, row in lines(path, problems):
            try:
                if label(Verdict.PASSED, _flag(row, "shared") is True, allow_shared) is None:
                    n_shared += 1
                elif not has_ended(row) and unfinished == "leave-out":
                    n_cut += 1
                else:
                    is_open = not has_ended(row) and unfinished == "open"
                    if template and "messages" in row and not any(name in row for name in FIELDS):
                        row = opened(row, template)
                    learnt = Learnt(*_text(row, loss, is_open=is_open), _weight(row))
                    texts.append(learnt.text if learnt == Learnt(learnt.text) else learnt)
            except ValueError as error:
                problems.add(place, error)
    if not texts and not problems:
        why = "no row in " + (", ".join(map(str, files)) or "no file")
        if n_shared:
            why = (f"{n_shared} answers passed tests that shared their process, and may be forged (shared is true; "
                   "--allow-shared)" + (f", and {n_cut} were cut off" if n_cut else ""))  # fmt: skip
        elif n_cut:
            why = (f"all {n_cut} answers were cut off at the token limit (finished is false). Let them be longer "
                   "(--max-new-tokens), or learn them without an end (--unfinished open)")  # fmt: skip
        raise UsageError(f"there is nothing to train on: {why}")
    if problems and not (skip_bad and texts):
        raise UsageError("\n".join(["the data cannot be used; nothing was trained", *problems.listed()]))
    if all(isinstance(text, Learnt) and text.weight < 1 for text in texts):
        raise UsageError("all rows have a weight below 1: scale the weights, so that the largest are at least 1")
    n = n_cut + n_shared + len(texts)
    cut = [f"{n_cut} of {n} answers were cut off at the token limit, and are left out"] if n_cut else []
    forged = "answers passed tests that shared their process, and are left out (--allow-shared)"
    return texts, cut + ([f"{n_shared} of {n} {forged}"] if n_shared else []) + problems.listed(MAX_KEPT)


def given(settings: "TrainSettings") -> tuple[Sequence[Text | Learnt], list[str], Sequence[Text | Learnt]]:
    """Return the texts of a training, why rows were left out, and what its loss is measured on besides; see `read`."""
    how: dict[str, Any] = {"loss": settings.loss, "template": template_of(settings.model, settings.revision)}
    texts, problems = read(settings.data, skip_bad=settings.skip_bad, unfinished=settings.unfinished,
                           allow_shared=settings.allow_shared, **how)  # fmt: skip
    return texts, problems, read(settings.eval, unfinished="open", allow_shared=True, **how)[0] if settings.eval else []


def has_ended(row: Mapping[str, Any]) -> bool:
    """Return whether a row's answer ended by itself; one from elsewhere, which does not say, did. Raises ValueError."""
    return _flag(row, "finished") is not False


def _flag(row: Mapping[str, Any], name: str) -> bool | None:
    """Return what a row says in a field that is true, false, null or missing. Raises ValueError for all else."""
    said = row.get(name)
    if said is not None and not isinstance(said, bool):
        raise ValueError(f"{name} is not true or false but {type(said).__name__}")
    return said


def _weight(row: Mapping[str, Any]) -> float:
    weight = row.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= MAX_WEIGHT:
        raise ValueError(f"weight is not a number from 0 to {MAX_WEIGHT:.0f} but {weight!r:.100}")
    return float(weight)


def _text(row: dict[str, Any], loss: Loss | None, *, is_open: bool) -> tuple[Text, bool, int]:
    """Return the text, `is_open`, and how many characters of it are read only."""
    said = Row.of(row)
    if said.prompt is None and said.field in ("completion", "raw_response"):
        kind = "prompt" if said.field == "completion" else "prompt of a chat template"
        raise ValueError(f"{said.field} has no {kind} to be learnt with")
    answer = checked_text(said.field, said.text)
    parts = [answer] if said.prompt is None else [checked_text("prompt", said.prompt), answer]
    if not "".join(parts).strip():
        raise ValueError("the text is empty")
    if JUDGED in row and row[JUDGED] != said.sha256:
        raise ValueError(f"the text is not the one that was judged, by its {JUDGED}: run `toolkit gate` on the file again")
    if len(parts) == 2 and parts[0].rstrip().endswith("```python") and not is_open:
        parts[1] += "\n```"  # generation stopped at the end of the prefilled block: the model must learn to close it
    reads = len(parts) == 2 and (loss == "completion" or (loss is None and said.chat))
    return (parts[0], parts[1]) if said.templated else "".join(parts), is_open, len(parts[0]) * reads


def hash_of(texts: Iterable[Text | Learnt]) -> str:
    """Return the SHA-256 of texts, in order."""
    digest = hashlib.sha256()
    for each in texts:
        if isinstance(each, Learnt):
            digest.update(b"\2" * each.is_open)
            digest.update(f"\3{each.n_read}\3{each.weight}".encode() if (each.n_read, each.weight) != (0, 1.0) else b"")
        text = each.text if isinstance(each, Learnt) else each
        whole = text if isinstance(text, str) else "\1".join(text)
        digest.update(whole.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def finished(texts: Sequence[Text | Learnt]) -> float:
    """Return the share of texts with an end."""
    return round(sum(not (isinstance(text, Learnt) and text.is_open) for text in texts) / len(texts), 4)


def inputs(blocks: Any, end: int) -> dict[str, Any]:
    """Return what a model is given of blocks (a tensor as of `Blocks.take`): `input_ids`, with `end` for `PADDING`.

    With the places of isolated texts, as `position_ids` and without an attention mask, transformers masks other texts.
    """
    ids = blocks[:, 0]
    read = ids.where(ids >= 0, -2 - ids).where(ids != PADDING, end)
    return {"input_ids": read} | ({"position_ids": blocks[:, 1]} if blocks.shape[1] > 1 else {})


def check_reads(model: Any, settings: "TrainSettings") -> None:
    """Raise UsageError unless a model reads blocks of that length, and, where asked, their texts apart, by their places."""
    import torch

    context = getattr(model.config, "max_position_embeddings", None) or settings.sequence
    if settings.sequence > context:
        raise UsageError(f"--sequence {settings.sequence}: {settings.model} reads at most {context} tokens")
    if not settings.document_mask:
        return
    ids = torch.tensor([[1, 2, 3, 4, 5, 1]], device=model.device)
    places = torch.tensor([[0, 1, 2, 0, 1, 2]], device=model.device)
    model.eval()
    with torch.no_grad():
        together, alone = (model(input_ids=i, position_ids=p, use_cache=False).logits[0, -3:].float()
                           for i, p in ((ids, places), (ids[:, 3:], places[:, 3:])))  # fmt: skip
    if not torch.allclose(together, alone, atol=0.05 * float(alone.std()) + 1e-5):
        raise UsageError("--document-mask: this model reads the texts of a block as one, whatever their places are")


def pack(documents: Iterable[Sequence[int]], length: int, end: int) -> Iterator[list[int]]:
    """Yield blocks of `length` tokens: the documents joined, each followed by `end` unless it ends with `PADDING`.

    The last block may be shorter.
    """
    left: list[int] = []
    for document in documents:
        left += document if document[-1:] == [PADDING] else [*document, end]
        start = 0
        for start in range(length, len(left) + 1, length):
            yield left[start - length : start]
        left = left[start:]
    if left:
        yield left


@dataclass(frozen=True, kw_only=True, eq=False)
class Blocks:
    """An endless sequence of blocks: epoch after epoch, each with the texts shuffled and cut up anew.

    The fields determine it, so a run that was killed resumes at a block number. The tokens of the current epoch are on disk.

    Attributes:
        texts: at least one.
        tokenizer: a fast tokenizer of transformers.
        length: tokens a block.
        seed: seed of the order and of the cuts.
        fim_rate: share of texts cut up to be filled in the middle, in [0, 1].
        spm_rate: share of those that show the suffix first.
        isolated: no text of a block is read before another, and the first token of each is no target.
    """

    texts: Sequence[Text | Learnt]
    tokenizer: Any
    length: int
    seed: int = 0
    fim_rate: float = 0.0
    spm_rate: float = 0.5
    isolated: bool = False

    def take(self, start: int, n: int) -> "NDArray[np.int32]":
        """Return `n` blocks from block `start` on, counted through all epochs: n x 1 (if isolated 2) x length.

        Behind the tokens is then the place of each in its text, or in the part of it that the block has, from 0.
        """
        import numpy as np

        found: list[NDArray[np.int32]] = []
        number = 0
        while start >= self.n_blocks(number):
            start, number = start - self.n_blocks(number), number + 1
        while n:
            found.append(self._part(number, start, start + n))
            start, n, number = 0, n - len(found[-1]), number + 1
        return np.concatenate(found)

    @functools.cache  # noqa: B019 - one number an epoch
    def n_blocks(self, number: int) -> int:
        """Return the number of blocks of an epoch."""
        return len(self._packed(number)[0])

    def epoch(self, number: int) -> "NDArray[np.int32]":
        """Return the tokens of an epoch (from 0): n blocks x length, the last padded with `PADDING`."""
        return self._part(number, 0, self.n_blocks(number))[:, 0]

    def _part(self, number: int, first: int, end: int) -> "NDArray[np.int32]":
        import numpy as np

        packed, starts = self._packed(number)
        rows: NDArray[Any] = np.array(packed[first:end])
        if not self.isolated:
            return rows[:, None]
        begins: NDArray[Any] = np.zeros(rows.size, bool)
        here = starts - first * self.length
        begins[here[(here >= 0) & (here < rows.size)]] = True
        begins = begins.reshape(rows.shape)
        at = np.arange(self.length, dtype=np.int32)
        places = at - np.maximum.accumulate(np.where(begins, at, 0), axis=1)
        return np.stack([np.where(begins & (rows >= 0), -2 - rows, rows), places], axis=1)

    @functools.lru_cache(maxsize=1)  # noqa: B019 - the current one
    def _packed(self, number: int) -> "tuple[NDArray[np.int32], NDArray[np.int64]]":
        """Return the blocks of an epoch, and where among all their tokens each text begins."""
        import numpy as np

        starts = array("q", [0])

        def noted() -> Iterator[list[int]]:
            for document in self.documents(number):
                yield document
                starts.append(starts[-1] + len(document) + (document[-1:] != [PADDING]))

        rows = disk.rows(pack(noted(), self.length, self.tokenizer.eos_token_id), self.length, PADDING)
        return rows, np.array(starts)

    def documents(self, number: int) -> Iterator[list[int]]:
        """Yield the tokens of each text in the order of an epoch; those of an open one end with `PADDING`."""
        import numpy as np

        rng = np.random.default_rng([self.seed, number])
        mark = middle_tokens(self.tokenizer) if self.fim_rate else None
        begin = self.tokenizer("").input_ids
        for index in rng.permutation(self._seen(number)):
            given, start = self.texts[index], begin
            learnt = given if isinstance(given, Learnt) else Learnt(given)
            text, end = learnt.text, [PADDING] * learnt.is_open
            if not isinstance(text, str):
                start, text = self.tokenizer.encode(text[0], add_special_tokens=False, verbose=False), text[1]
            elif learnt.n_read:
                start, text = begin + self._tokens(text[: learnt.n_read]), text[learnt.n_read :]
            inside = start is not begin
            start = [-2 - token for token in start] if learnt.n_read else start
            cut, spm, *places = rng.random(4)
            if mark is None or cut >= self.fim_rate:
                yield start + self._tokens(text, inside=inside) + end
                continue
            first, second = sorted(int(place * (len(text) + 1)) for place in places)
            prefix = self._tokens(text[:first], inside=inside)
            middle, suffix = (self._tokens(part, inside=True) for part in (text[first:second], text[second:]))
            yield start + arranged(prefix, middle, suffix, mark, spm=bool(spm < self.spm_rate)) + end

    def _seen(self, number: int) -> "NDArray[np.intp]":
        """Return the places of an epoch's texts: one of weight 2.5 is there twice, and in half of all epochs again."""
        import numpy as np

        drawn = np.random.default_rng([self.seed, number, 1]).random(len(self.texts))
        return np.repeat(np.arange(len(self.texts)), (self._weights + drawn).astype(int))

    @functools.cached_property
    def _weights(self) -> "NDArray[np.float64]":
        import numpy as np

        return np.fromiter((text.weight if isinstance(text, Learnt) else 1.0 for text in self.texts), float)

    def _tokens(self, text: str, *, inside: bool = False) -> list[int]:
        return tokens_of(self.tokenizer, text, inside=inside)

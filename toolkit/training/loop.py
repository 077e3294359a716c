"""Train a causal language model on texts: all of its weights, or an adapter on top (LoRA). To be read in one sitting.

One step: `batch` blocks of packed text, divided among the processes and taken `micro_batch` at a time; mean cross-entropy
over all their tokens, and what `Routing` adds for a mixture of experts; gradients clipped; AdamW; the routers balanced.
The learning rate rises linearly, then falls along half a cosine. Losses that are noted are the cross-entropy alone.
Trained weights are float32; on a GPU the others and the arithmetic are bfloat16. Seed and step determine all randomness
of a step, so a resumed training equals one that was never stopped: on CPUs, to the bit.

Left out: sharded weights (FSDP, DeepSpeed; `accelerate launch` gives plain data parallelism), quantised weights, fused
kernels, other optimisers. Settings, data, loss and folder are in files beside this one.

Source: the defaults of full training, and packing, are those of arXiv 2606.28438 and its code.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from math import ceil, isfinite

from toolkit.errors import UsageError
from toolkit.models.adapters import Lora, trainable
from toolkit.models.load import explained
from toolkit.models.save import save
from toolkit.models.source import Source
from toolkit.surgery.moe import Routing
from toolkit.training import data, folder
from toolkit.training.loss import cross_entropy, mean_loss
from toolkit.training.settings import PAPER, TrainOutcome, TrainSettings

__all__ = ["PAPER", "TrainOutcome", "TrainSettings", "train"]

_NOT_ASKED = ("output", "resume", "overwrite", "skip_bad", "allow_shared", "checkpoint_every")


def train(settings: TrainSettings, advance: Callable[[str, int, int], None] = lambda *_: None) -> TrainOutcome:
    """Train; write the weights and the tokenizer to `adapter/` or `model/`, and then `training.json` beside them.

    Raises:
        UsageError: data, model or adapter cannot be used, or the loss became infinite.
        InfrastructureError: package, memory or disk failed. `resume` continues from the last checkpoint.
    """
    started = time.monotonic()
    texts, problems, known = data.given(settings)
    with explained():
        import torch
        from accelerate import Accelerator

        if settings.device == "cuda" and not torch.cuda.is_available():
            raise UsageError("--device cuda: PyTorch finds no GPU on this machine")
        accelerator = Accelerator(mixed_precision="no", cpu=settings.device == "cpu")
        device, rank, world = accelerator.device, accelerator.process_index, accelerator.num_processes
        if settings.batch % world:
            raise UsageError(f"--batch {settings.batch} cannot be divided among {world} processes")
        asked = {name: value for name, value in settings.plain().items() if name not in _NOT_ASKED}
        asked |= {"data": data.hash_of(texts), "eval": data.hash_of(known) if known else None, "processes": world}
        if done := folder.begin(settings, asked):
            return done
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            folder.prepare(settings)

        dtype = settings.dtype or ("float32" if device.type == "cpu" else "bfloat16")
        torch.manual_seed(settings.seed)
        source = Source(
            model=settings.model, revision=settings.revision, adapter=settings.adapter, device=str(device),
            dtype="float32" if settings.full else dtype,
        )  # fmt: skip
        lora = Lora(rank=settings.lora_rank, alpha=settings.lora_alpha, dropout=settings.lora_dropout)
        loaded, below = trainable(source, None if settings.full else lora, settings.only, settings.gradient_checkpointing)
        data.check_reads(loaded.model, settings)
        routing = Routing(loaded.model, settings.routing())  # of a mixture of experts; else it does nothing
        blocks = data.Blocks(
            texts=texts, tokenizer=loaded.tokenizer, length=settings.sequence, seed=settings.seed,
            fim_rate=settings.fim_rate, spm_rate=settings.spm_rate, isolated=settings.document_mask,
        )  # fmt: skip
        unseen = replace(blocks, texts=known, seed=0, fim_rate=0.0)
        on_unseen = [mean_loss(loaded.model, unseen, device, dtype)] if known else []
        n_steps = settings.steps or ceil(settings.epochs * blocks.n_blocks(0) / settings.batch)

        weights = {name: weight for name, weight in loaded.model.named_parameters() if weight.requires_grad}
        optimizer = torch.optim.AdamW(settings.groups(weights.values()))
        model, optimizer = accelerator.prepare(loaded.model.train(), optimizer)
        first, losses, tokens = 0, list[float](), 0
        if state := folder.kept(settings, device, asked):
            first, losses, tokens, started = state["step"], state["losses"], state["tokens"], started - state["seconds"]
            optimizer.load_state_dict(state["optimizer"])
            routing.restore(state["routing"])
            with torch.no_grad():
                for name, weight in weights.items():
                    weight.copy_(state["weights"][name])

        for step in range(first, n_steps):
            advance(f"train, loss {losses[-1]:.3f}" if losses else "train", step, n_steps)
            torch.manual_seed((settings.seed * 1_000_003 + step) * 1009 + rank)
            for group in optimizer.param_groups:
                group["lr"] = settings.rate(step, n_steps)
            rows = blocks.take(step * settings.batch, settings.batch)
            n_targets = max(1, int((rows[:, 0, 1:] >= 0).sum()))
            mine = torch.from_numpy(rows[rank::world]).long().to(device)
            loss = torch.zeros((), device=device)
            for start in range(0, len(mine), settings.micro_batch):
                ids = mine[start : start + settings.micro_batch]
                is_last = start + settings.micro_batch >= len(mine)
                with contextlib.nullcontext() if is_last else accelerator.no_sync(model):
                    routing.reads(ids[:, 0] != data.PADDING)
                    part = cross_entropy(model, ids, loaded.tokenizer.eos_token_id, dtype)
                    more = routing.loss() * len(ids) / settings.batch
                    accelerator.backward((part / n_targets + more) * world)  # gradients are averaged over processes
                loss += part.detach() / n_targets
            losses.append(float(accelerator.reduce(loss, "sum")))
            tokens += n_targets
            if not isfinite(losses[-1]):
                raise UsageError(f"the loss is {losses[-1]} in step {step + 1}: lower --lr, or look at the data")
            if settings.clip:
                accelerator.clip_grad_norm_(weights.values(), settings.clip)
            optimizer.step()
            routing.after_step()
            optimizer.zero_grad()
            every = settings.checkpoint_every
            if every and (step + 1) % every == 0 and accelerator.is_main_process:
                folder.keep(settings, {
                    "settings": asked, "step": step + 1, "losses": losses, "tokens": tokens, "weights": weights,
                    "seconds": time.monotonic() - started, "optimizer": optimizer.state_dict(), "routing": routing.state(),
                })  # fmt: skip

        advance("train", n_steps, n_steps)
        on_unseen += [mean_loss(loaded.model, unseen, device, dtype)] if known else []
        outcome = TrainOutcome(
            folder=settings.output, weights=settings.output / ("model" if settings.full else "adapter"),
            losses=tuple(losses), tokens=tokens, seconds=time.monotonic() - started, is_main=accelerator.is_main_process,
            left_out=tuple(problems), eval=tuple(on_unseen),
        )  # fmt: skip
        if accelerator.is_main_process:
            save(loaded.model.eval(), loaded.tokenizer, outcome.weights, below)
            folder.finish(settings, outcome, {
                "settings": asked, "files": settings.plain()["data"], "left_out": problems, "n_texts": len(texts),
                "finished": data.finished(texts), "routing": routing.report(),
                "n_blocks": blocks.n_blocks(0), "model_sha256": below, "device": str(device), "dtype": dtype,
            })  # fmt: skip
        if world > 1:
            accelerator.end_training()
        return outcome

"""A small language model with random weights, and its tokenizer, made on the spot."""

from pathlib import Path

TEXTS = ["def add(a, b):\n    return a + b\n", "# quality:  good\n", "# quality:  bad\n", "x = 'ä' * 3\n"]
FIM = ("<fim_prefix>", "<fim_middle>", "<fim_suffix>")


def tiny(folder: Path, *, seed: int = 0, hidden: int = 32, context: int = 4096, fim: bool = True, spaced: bool = False) -> str:
    """Write a model and return its folder; `spaced`: the tokenizer puts a space before a text, as Llama's does."""
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|endoftext|>", *(FIM if fim else ())]
    raw = Tokenizer(models.BPE(byte_fallback=spaced, unk_token="<unk>" if spaced else None))
    if spaced:
        special += ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
        raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        raw.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        alphabet = [*"abcdefghijklmnopqrstuvwxyz▁"]
        texts = [word for text in TEXTS for word in text.split("\n")]
    else:
        raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        raw.decoder = decoders.ByteLevel()
        alphabet, texts = pre_tokenizers.ByteLevel.alphabet(), TEXTS
    trainer = trainers.BpeTrainer(vocab_size=len(special) + 290, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    raw.train_from_iterator(texts * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|endoftext|>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=context, tie_word_embeddings=True, eos_token_id=0, bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)

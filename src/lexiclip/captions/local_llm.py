"""A causal language model through transformers: batched completions and log-likelihoods (METHOD §1)."""

import importlib.util
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, LogitsProcessor, LogitsProcessorList

from lexiclip.devices import best_device, has_bf16
from lexiclip.errors import InputError


class LanguageModel(NamedTuple):
    tokenizer: object
    model: torch.nn.Module

    def as_chat(self, prompt: str) -> str:
        """`prompt` as a user's message in the model's own chat template."""
        if not self.tokenizer.chat_template:
            name = self.tokenizer.name_or_path
            raise InputError(
                f"language_model.model: {name} has no chat template: use instructions of `kind: completion`"
            )
        messages = [{"role": "user", "content": prompt}]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def load_language_model(model: str, gguf_file: str | None, trust_remote_code: bool = False) -> LanguageModel:
    """Load a hub name or a local folder; `package:NAME` is the folder of an installed Python package.

    `gguf_file` names a GGUF file in it. In bf16 where that is fast, else fp32. Code that comes with a model
    runs only if `trust_remote_code`.
    """
    folder = model
    if model.startswith("package:"):
        spec = importlib.util.find_spec(model.removeprefix("package:"))
        if spec is None:
            raise InputError(f"language_model.model: no installed package {model.removeprefix('package:')!r}")
        folder = str(Path(spec.origin).parent)
    # Code that comes with a model may raise anything.
    failures = Exception if trust_remote_code else (OSError, ValueError, SafetensorError)
    options = {"trust_remote_code": trust_remote_code} | ({"gguf_file": gguf_file} if gguf_file else {})
    unpacked = {"quantization_config": GgufConfig(dequantize=True)} if gguf_file else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", **options)
        device = best_device()
        dtype = torch.bfloat16 if has_bf16(device) else torch.float32
        lm = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **options, **unpacked)
    except failures as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"language_model.model: {model!r} cannot be loaded ({reason}): take another, or serve it and "
            "set language_model.server"
        ) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return LanguageModel(tokenizer, lm.to(device).eval())


@torch.inference_mode()
def complete(
    lm: LanguageModel,
    prompts: list[str],
    seed: int,
    *,
    prefix: str,
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    first_line_only: bool,
) -> list[str]:
    """Sample one continuation of prefix + prompt for each prompt, as one left-padded batch.

    The prefix is encoded once for the whole batch. The same seed and batch give the same texts.
    """
    tails = lm.tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
    tails = tails.to(lm.model.device)
    tokens, mask, cache = tails["input_ids"], tails["attention_mask"], None  # (B, L)
    if prefix:
        head, _, cache = _read_prefix(lm, prefix, len(prompts))
        tokens, mask = torch.cat([head, tokens], 1), torch.cat([torch.ones_like(head), mask], 1)
    stop = {"stop_strings": ["\n"], "tokenizer": lm.tokenizer} if first_line_only else {}
    torch.manual_seed(seed)
    generated = lm.model.generate(
        tokens,
        attention_mask=mask,
        cache=cache,
        max_new_tokens=max_new_tokens,
        do_sample=False,
        logits_processor=LogitsProcessorList([NucleusSampling(temperature, top_p)]),
        pad_token_id=lm.tokenizer.pad_token_id,
        **stop,
    )
    answers = lm.tokenizer.batch_decode(generated[:, tokens.shape[1] :], skip_special_tokens=True)
    return [answer.split("\n")[0].strip() for answer in answers] if first_line_only else answers


@torch.inference_mode()
def log_likelihoods(lm: LanguageModel, prefix: str, continuations: list[str]) -> torch.Tensor:
    """log P(continuation | prefix) (N,), summed over a continuation's tokens. The prefix is encoded once."""
    _, first, cache = _read_prefix(lm, prefix, len(continuations))
    tails = [lm.tokenizer.encode(text, add_special_tokens=False) for text in continuations]
    longest = max(map(len, tails))
    tokens = torch.full((len(tails), longest), lm.tokenizer.pad_token_id)  # (N, L), padded on the right
    scored = torch.zeros(len(tails), longest, dtype=torch.bool)
    for row, tail in enumerate(tails):
        tokens[row, : len(tail)] = torch.tensor(tail)
        scored[row, : len(tail)] = True
    tokens = tokens.to(lm.model.device)
    logits = lm.model(tokens, cache=cache).logits[:, :-1].float()  # (N, L-1, vocabulary)
    logits = torch.cat([first[:, None], logits.log_softmax(-1)], 1)  # (N, L, vocabulary)
    picked = logits.gather(-1, tokens[..., None])[..., 0]  # (N, L)
    return (picked.cpu() * scored).sum(1)


def _read_prefix(lm: LanguageModel, prefix: str, copies: int) -> tuple[torch.Tensor, torch.Tensor, object]:
    """Tokens (copies, P), log P of the token that follows (copies, vocabulary), and the key-value cache."""
    tokens = lm.tokenizer(prefix, return_tensors="pt")["input_ids"].to(lm.model.device)  # (1, P)
    output = lm.model(tokens, use_cache=True, logits_to_keep=1)
    output.past_key_values.batch_repeat_interleave(copies)
    following = output.logits[:, -1].float().log_softmax(-1)  # (1, vocabulary)
    return tokens.expand(copies, -1), following.expand(copies, -1), output.past_key_values


class NucleusSampling(LogitsProcessor):
    """Sample one token from the top-p nucleus of the 64 likeliest, without sorting the whole vocabulary.

    All other tokens get −∞, so that greedy decoding takes the sampled one.
    """

    def __init__(self, temperature: float, top_p: float) -> None:
        self.temperature, self.top_p = temperature, top_p

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        kept, tokens = scores.float().topk(min(64, scores.shape[1]))  # (B, 64), largest first
        probability = (kept / self.temperature).softmax(-1)
        before = probability.cumsum(-1) - probability
        drawn = torch.multinomial(probability.masked_fill(before >= self.top_p, 0), 1)  # (B, 1)
        return torch.full_like(scores, -torch.inf).scatter(1, tokens.gather(1, drawn), 0.0)

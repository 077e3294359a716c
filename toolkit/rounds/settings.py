"""Settings of a run of rounds: from a TOML file or a preset, with flags over it. All are parsed before anything runs."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationInfo, field_validator

from gates import All, fields_of, parse, thresholds_of
from sandbox.registry import listed
from toolkit.benchmarks import BENCHMARKS
from toolkit.errors import UsageError, nearest
from toolkit.models.generators import GENERATORS
from toolkit.models.prompts import STYLES
from toolkit.rounds.pool import STDLIB, columns_of
from toolkit.settings import Flag, FromText, Settings, check_known, check_once

Stage = Literal["pool", "generate", "gate", "train", "write", "judge", "measure"]
STAGES: tuple[str, ...] = get_args(Stage)
PRESETS = Path(__file__).parent / "presets"
ELSEWHERE = "elsewhere"
"""A configuration's table of what other sources of its protocol say, by setting; it sets nothing."""
Names = Annotated[tuple[str, ...], FromText]


class RoundsSettings(Settings):
    """All settings of a run of rounds. Raises `UsageError` for one that is unknown, not allowed, or without effect."""

    output: Path = Field(Path("runs/rounds"), description="The run's folder.")
    model: str = Field("", description="As toolkit generate --model [default: TOOLKIT_MODEL, or smollm2].")
    generator: str = Field("", description=f"What writes candidates and answers: {listed(GENERATORS)} [default: the first "
                           "that takes the model]. Training takes what transformers loads.")  # fmt: skip
    judge_model: str = Field("", description="The frozen model of the gate judge [default: model, before the first round].")
    cot: Flag = Field(False, description="Let the gate judge write a line about a program before its score.")
    pool: str = Field(STDLIB, min_length=1, description="stdlib, a JSONL file of prompts, or a data set of the hub, "
                      "OWNER/NAME[@REVISION][:CONFIG][:SPLIT].")  # fmt: skip
    pool_columns: Names = Field((), description="Columns that have other names in that file or data set, as prompt=text.")
    held_out: float = Field(0.1, ge=0, lt=1, description="Share of the prompts that are never trained on.")
    pool_limit: int = Field(0, ge=0, description="Take only the first so many prompts; a data set of the hub "
                            "is then streamed; 0: all.")  # fmt: skip
    pool_min_tokens: int = Field(0, ge=0, description="Leave out prompts that have fewer tokens.")
    prompt_tokens: int = Field(0, ge=0, description="Cut prompts after so many tokens; the rest is the human "
                               "continuation; 0: keep them whole.")  # fmt: skip
    prompts: Literal["shuffled", "same"] = Field("shuffled", description="Order of a round's prompts: new each time, or "
                                                 "always the same.")  # fmt: skip
    regimes: Names = Field(("none", "compile", "compile+quality"), description="Gates, as toolkit gate --kind; compile~0.1 "
                           "flips one decision in ten.")  # fmt: skip
    rounds: int = Field(2, ge=1, description="Rounds of each cell: a regime with a seed.")
    seeds: Annotated[tuple[NonNegativeInt, ...], FromText] = Field((0,), description="Seeds of the cells.")
    accept: int = Field(64, ge=1, description="Generate until this many programs are accepted.")
    budget: int = Field(256, ge=1, description="Candidates generated in a round, at most.")
    fill: Flag = Field(False, description="Stop a regime that does not find accept programs within budget; else it learns "
                       "those that it found.")  # fmt: skip
    chunk: int = Field(0, ge=0, description="Candidates at a time [default: accept; budget for gates that compare].")
    thresholds: Names = Field((), description="Thresholds of the gates, as toolkit gate --threshold: pylint=8,cc=10.")
    freeze: Flag = Field(False, description="Gates that keep a fraction do so in round 1; later they keep all that score at "
                         "least as well as the worst kept then, so that their acceptance can change.")  # fmt: skip
    calibrate: int = Field(0, ge=0, description="With freeze, set the threshold on so many candidates of the first model, "
                           "written before round 1 and not trained on; 0: on those of round 1.")  # fmt: skip
    empty: Literal["counted", "excluded"] = Field("counted", description="Whether completions without a token count where "
                                                  "perplexity keeps a fraction.")  # fmt: skip
    unfinished: Literal["leave-out", "open", "closed"] = Field("leave-out", description="Candidates that were cut off at "
        "the token limit: neither trained on nor counted towards accept (leave-out); learnt without an end "
        "(open); or as if they had ended there (closed).")  # fmt: skip
    data: Literal["replace", "accumulate", "mixed"] = Field("replace", description="Train on this round's programs "
        "(replace), on those of all rounds (accumulate), or on this round's and human programs (mixed).")  # fmt: skip
    human: float = Field(0.5, ge=0, lt=1, description="With data = mixed, the share of human programs.")
    anchors: float = Field(0.0, ge=0, lt=1, description="Share of human programs that run, each used once, that is "
                           "added to every round's data.")  # fmt: skip
    weights: Literal["cumulative", "base"] = Field("cumulative", description="Go on from the last round's weights "
        "(cumulative), or from the first model's (base).")  # fmt: skip
    temperature: float = Field(0.8, ge=0, lt=100, description="Temperature of the candidates.")
    top_p: float = Field(0.95, gt=0, le=1, description="Top-p of candidates and answers, where not greedy.")
    max_new_tokens: int = Field(256, ge=1, description="Length of a candidate, at most.")
    prompt: str = Field("", description=f"Prompt style: {', '.join(STYLES)} [default: the model's own].")
    strip: Flag = Field(True, description="Strip white space from the ends of prompts to be continued, for candidates too.")
    stops: Literal["benchmark", "none"] = Field("benchmark", description="Strings that end a candidate that continues a "
        "prompt: those that end an answer to a benchmark, or none.")  # fmt: skip
    probe: int = Field(0, ge=0, description="Held-out prompts answered in each round, to see whether the gate tells the "
                       "answers to one prompt apart; nothing is trained on them.")  # fmt: skip
    probe_samples: int = Field(4, ge=2, description="Answers to each of these prompts.")
    labelled: str = Field("", description="JSONL with programs, and in `passed` whether each is right: every round's gate "
                          "decides about them, and its AUC there is in the ledger.")  # fmt: skip
    stop_on: Literal["", "rubber-stamp"] = Field("", description="Stop a regime when acceptance is shown to rise and pass@1 "
        "to fall: at most one stable run in 20 is stopped, over all its rounds.")  # fmt: skip
    spectra: int = Field(0, ge=0, description="Held-out human programs on which each round's model is examined: spectrum "
                         "of its hidden states by layer, entropy and loss of its next tokens; 0: none.")  # fmt: skip
    overlap: Flag = Field(False, description="Compare each round's programs with prompts, solutions and tests of all "
                          "benchmarks, by tokens and by syntax trees, and human programs too.")  # fmt: skip
    steps: int = Field(50, ge=1, description="Training steps a round.")
    epochs: int = Field(0, ge=0, description="Passes over a round's data, instead of steps; 0: use steps.")
    learning_rate: float = Field(2e-4, ge=0, description="Highest learning rate.")
    warmup: int | None = Field(None, ge=0, description="Warm-up steps, in round 1 only [default: a tenth].")
    weight_decay: float = Field(0.05, ge=0, description="Weight decay of AdamW, for matrices.")
    batch_size: int = Field(8, ge=1, description="Blocks a training step.")
    micro_batch: int = Field(1, ge=1, description="How many of these are taken at a time.")
    processes: int = Field(1, ge=1, description="Processes that train, each with its share of batch_size: one a GPU.")
    sequence: int = Field(512, ge=2, description="Tokens of a block.")
    fim_rate: float = Field(0.0, ge=0, le=1, description="Share of texts cut up for filling in the middle.")
    spm_rate: float = Field(0.5, ge=0, le=1, description="Share of these that show the suffix first.")
    document_mask: Flag = Field(False, description="Keep the texts of a block apart: none is read before another.")
    gradient_checkpointing: Flag = Field(False, description="Recompute activations: less memory, slower.")
    full: Flag = Field(False, description="Train all weights, rather than an adapter (LoRA).")
    checkpoint_every: int = Field(100, ge=0, description="Training steps between checkpoints; 0: none, and a killed "
                                  "training begins anew.")  # fmt: skip
    keep_weights: Literal["auto", "all", "last", "none"] = Field("auto", description="Weights that are kept when nothing "
        "needs them any more: all, those of each cell's last round (last), or none; auto: all adapters, but of whole models "
        "only the last.")  # fmt: skip
    benchmarks: Names = Field(("humaneval",), description=f"What each round's model is scored on: {', '.join(BENCHMARKS)}.")
    release: str = Field("", description="Release of a benchmark such as livecodebench: release_v1... [default: "
                         "the latest].")  # fmt: skip
    scored: Annotated[tuple[PositiveInt, ...], FromText] = Field((), description="Rounds after which the model answers "
        "the benchmarks, as it does before the first [default: all].")  # fmt: skip
    limit: int = Field(0, ge=0, description="Take only the first so many tasks of a benchmark; 0: all.")
    samples: int = Field(1, ge=1, description="Answers to each task.")
    eval_temperature: float = Field(0.0, ge=0, lt=100, description="Temperature of the answers; 0: greedy.")
    eval_tokens: int = Field(512, ge=1, description="Length of an answer, at most.")
    timeout: float = Field(5.0, gt=0, description="Time limit of the oracle, in seconds.")
    measured: int = Field(500, ge=0, description="Candidates executed for each population in the ledger, at most.")
    stages: Annotated[tuple[Stage, ...], FromText] = Field(get_args(Stage), description="Stages that run here.")
    base_url: str = Field("", description="OpenAI-compatible endpoint that serves the model, as http://HOST:PORT/v1, and "
                          "writes in its place; it loads each round's adapter, so it must see the folder.")  # fmt: skip
    served: str = Field("", description="Name of the model at that endpoint [default: that of model].")
    device: Literal["", "cpu", "cuda"] = Field("", description="cpu or cuda [default: the GPU, if any].")
    dtype: Literal["", "float32", "bfloat16"] = Field("", description="Arithmetic of the model; weights that are trained "
        "stay float32 [default: 16 bits on a GPU, float32 on a CPU, where bfloat16 can be far faster].")  # fmt: skip
    parallel: int = Field(2, ge=1, description="Boxes at a time; with ray, on each node.")
    ray: str = Field("", description="A Ray cluster whose nodes judge and ask gates: HOST:PORT, or auto (docs/scale.md).")

    @field_validator("regimes", "seeds", "benchmarks", "stages", "scored")
    @classmethod
    def _once(cls, values: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        if not values and info.field_name in ("regimes", "seeds"):
            raise ValueError("at least one must be named")
        check_once(values)
        return values

    @field_validator("regimes")
    @classmethod
    def _gates(cls, regimes: tuple[str, ...]) -> tuple[str, ...]:
        for regime in regimes:
            try:
                gates_of(regime, {})
            except ValueError as error:
                raise ValueError(f"{regime!r}: {error}") from None
        return regimes

    @field_validator("thresholds")
    @classmethod
    def _numbers(cls, thresholds: tuple[str, ...]) -> tuple[str, ...]:
        for text in thresholds:
            try:
                is_number = math.isfinite(float(text.partition("=")[2]))
            except ValueError:
                is_number = False
            if not is_number:
                raise ValueError(f"{text!r} is not NAME=NUMBER, such as pylint=8")
        return thresholds

    @field_validator("prompt")
    @classmethod
    def _style(cls, given: str) -> str:
        if given not in ("", *STYLES):
            raise ValueError(f"there is no {given!r}; there are {', '.join(STYLES)}{nearest(given, STYLES)}")
        return given

    @field_validator("benchmarks", "generator")
    @classmethod
    def _known(cls, given: Any, info: ValidationInfo) -> Any:
        known = GENERATORS if info.field_name == "generator" else BENCHMARKS
        check_known(filter(None, (given,) if isinstance(given, str) else given), known)
        return given

    @field_validator("pool_columns")
    @classmethod
    def _columns(cls, pairs: tuple[str, ...]) -> tuple[str, ...]:
        columns_of(pairs)
        return pairs

    def wrong(self) -> list[str]:
        """Return complaints about settings that contradict each other or have no effect."""
        wanted = {name for regime in self.regimes for name in fields_of(regime)}
        wrong = [] if self.accept <= self.budget else [f"accept ({self.accept}) must be at most budget ({self.budget})"]
        if self.probe and not self.held_out:
            wrong.append("probe wants prompts that are held out: held_out must be above 0")
        if self.spectra and not self.held_out:
            wrong.append("spectra wants prompts that are held out: held_out must be above 0")
        if self.stop_on and (lacking := [name for name in STAGES if name not in self.stages]):
            wrong.append(f"stop_on looks at each round's verdicts before the next: stages must have {', '.join(lacking)}")
        if self.stop_on and self.rounds < 2:
            wrong.append("stop_on wants two rounds, since one shows no trend")
        if self.probe and not self.temperature:
            wrong.append("probe wants a temperature above 0, or all answers are the same")
        if self.samples > 1 and not self.eval_temperature:
            wrong.append(f"samples wants an eval_temperature above 0, or all {self.samples} answers to a task are the same")
        if beyond := [number for number in self.scored if number > self.rounds]:
            wrong.append(f"scored names round {beyond[0]}, and there are {self.rounds}")
        wrong += self.useless(["steps"], "where epochs says how many there are") if self.epochs else []
        wrong += self.useless(["spm_rate"], "without fim_rate") if not self.fim_rate else []
        wrong += self.useless(["empty"], "without a gate that asks for perplexity") if "empty" not in wanted else []
        if self.pool == STDLIB:
            wrong += self.useless(["pool_limit", "pool_min_tokens", "prompt_tokens"], f"with the pool {STDLIB}")
        wrong += self._thresholds()
        wrong += self._frozen() if "fraction" in wanted else self.useless(["freeze"], "without a gate that keeps a fraction")
        wrong += self.useless(["calibrate"], "without freeze") if not self.freeze else []
        if self.batch_size % self.processes:
            wrong.append(f"batch_size ({self.batch_size}) cannot be divided among {self.processes} processes")
        wrong += self._release() + self._endpoint()
        wrong += self.useless(["judge_model", "cot"], "without the gate judge") if "judge_model" not in wanted else []
        wrong += self.useless(["human"], "unless data is mixed") if self.data != "mixed" else []
        wrong += self.useless(["probe_samples"], "without probe") if not self.probe else []
        wrong += self.useless(["pool_columns"], f"with the pool {STDLIB}") if self.pool == STDLIB else []
        wrong += self.useless(["top_p"], "where all is greedy") if not self.temperature + self.eval_temperature else []
        return wrong

    def _thresholds(self) -> list[str]:
        known = {name for regime in self.regimes for name in thresholds_of(regime)}
        wrong = []
        for text in self.thresholds:
            if (name := text.partition("=")[0]) not in known:
                there = ", ".join(sorted(known)) or "none at all"
                near = nearest(name, known)
                wrong.append(f"thresholds: no gate of the regimes has a threshold {name!r}; there are {there}{near}")
        for regime in self.regimes:
            try:
                gates_of(regime, self.thresholds_of(regime))
            except ValueError as error:
                wrong.append(f"thresholds: {error}")
        return list(dict.fromkeys(wrong))

    def _endpoint(self) -> list[str]:
        if not self.base_url:
            return self.useless(["served"], "without base_url")
        wrong = ["base_url: an endpoint is given adapters, and full trains whole models"] if self.full else []
        return wrong + self.useless(["generator"], "with base_url")

    def _release(self) -> list[str]:
        known = list(dict.fromkeys(name for each in self.benchmarks for name in BENCHMARKS[each].releases))
        return [] if known else self.useless(["release"], "without a benchmark that has releases")

    def _frozen(self) -> list[str]:
        def compares(regime: str) -> list[str]:
            return [name for name in regime.split("+") if "fraction" in fields_of(name)]

        return [f"regime {regime!r}: freeze wants one gate that compares candidates, not {' and '.join(compares(regime))}"
                for regime in self.regimes if self.freeze and len(compares(regime)) > 1]  # fmt: skip

    def is_scored(self, number: int) -> bool:
        """Return whether the model after a round answers the benchmarks."""
        return not self.scored or number in self.scored

    @property
    def keeps_all_weights(self) -> bool:
        """Whether weights stay after the next round has been trained."""
        return self.keep_weights == "all" or (self.keep_weights == "auto" and not self.full)

    def writer(self) -> dict[str, Any]:
        """Return what writes, as far as texts may depend on it."""
        return self.told("generator", "dtype") | ({"endpoint": True} if self.base_url else {})

    def told(self, *names: str) -> dict[str, Any]:
        """Return those of the named settings that differ from their defaults."""
        fields = type(self).model_fields
        return {name: getattr(self, name) for name in names if getattr(self, name) != fields[name].default}

    def thresholds_of(self, kind: str) -> dict[str, float]:
        """Return the thresholds that apply to the gates of `kind`."""
        pairs = [text.partition("=") for text in self.thresholds]
        return {name: float(value) for name, _, value in pairs if name in thresholds_of(kind)}


def gates_of(kind: str, thresholds: Mapping[str, float]) -> All:
    """Return the gates of `kind`, without the models and texts that they ask. Raises ValueError as `parse`."""
    return parse(kind, thresholds, given=dict.fromkeys(("corpus", "model", "judge_model")))


def read(path: Path | None, flags: Mapping[str, Any]) -> RoundsSettings:
    """Return the settings of a TOML file, or of the preset of that name, overridden by `flags` (as text).

    Raises:
        UsageError: the file cannot be read, or settings are wrong: one line for each.
    """
    found = _toml(path) if path else {}
    found.pop(ELSEWHERE, None)
    found.setdefault("model", os.environ.get("TOOLKIT_MODEL", ""))
    return RoundsSettings(**{**found, **flags})


def elsewhere(path: Path | None, settings: RoundsSettings) -> list[str]:
    """Return a line for each setting of which a configuration says that other sources of its protocol have another value."""
    said = _toml(path).get(ELSEWHERE, {}) if path else {}
    now = settings.plain()
    return [f"{name} = {json.dumps(now[name])}; {text}" if name in now else f"{name}: {text}" for name, text in said.items()]


def _toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads((path if path.exists() else PRESETS / f"{path}.toml").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        there = sorted(file.stem for file in PRESETS.glob("*.toml"))
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: {why}; presets are {', '.join(there)}{nearest(str(path), there)}") from None


def name_of(regime: str) -> str:
    """Return the name of a regime's folder."""
    return "".join(c if c.isalnum() or c in "+-_." else "_" for c in regime)

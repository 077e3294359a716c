"""Settings that all studies have, and how they are read from a preset or a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import Field as Field  # of which studies' own settings are made
from pydantic import field_validator

from toolkit.benchmarks import BENCHMARKS
from toolkit.errors import UsageError, nearest
from toolkit.settings import FromText, Settings, check_known, check_once

Stage = Literal["prepare", "train", "score", "write", "judge", "measure"]
Names = Annotated[tuple[str, ...], FromText]
Numbers = Annotated[tuple[float, ...], FromText]
S = TypeVar("S", bound="StudySettings")


class StudySettings(Settings):
    """Settings that every study has. A study adds its own."""

    output: Path = Field(Path("runs/study"), description="Folder of the run; the same command goes on in it.")
    model: str = Field("smollm2", description="Hub id, folder, .gguf file, smollm2, or tiny: random weights, two layers.")
    seeds: Annotated[tuple[int, ...], FromText] = Field((0,), description="Every cell is run with each of them.")
    benchmarks: Names = Field(("humaneval",), description="What models are scored on.")
    skip_missing: bool = Field(False, description="Leave out benchmarks whose data is not on this machine, and say so.")
    nll_tasks: int = Field(64, ge=1, description="Tasks of each benchmark whose canonical solutions are read.")
    pass_tasks: int = Field(32, ge=0, description="Tasks of each benchmark that are answered; 0: none.")
    samples: int = Field(1, ge=1, description="Answers to each task.")
    temperature: float = Field(0.0, ge=0, lt=100, description="Temperature of the answers; 0: greedy.")
    top_p: float = Field(0.95, gt=0, le=1, description="Top-p of the answers, where not greedy.")
    max_new_tokens: int = Field(128, ge=1, description="Length of an answer, at most.")
    margin_pass: float = Field(0.05, gt=0, description="Differences in pass@1 within this count as none.")
    margin_nll: float = Field(0.05, gt=0, description="Differences in nats a token within this count as none.")
    stages: Annotated[tuple[Stage, ...], FromText] = Field(get_args(Stage), description="Stages that run here.")
    minutes: float = Field(0.0, ge=0, description="Start no stage after so many; the same command goes on. 0: no limit.")
    timeout: float = Field(5.0, gt=0, description="Time limit of the oracle, in seconds.")
    parallel: int = Field(2, ge=1, description="Boxes at a time.")
    device: Literal["", "cpu", "cuda"] = Field("", description="cpu or cuda [default: the GPU, if any].")
    dtype: Literal["", "float32", "bfloat16"] = Field("", description="Precision [default: bfloat16 on a GPU].")
    machine: Literal["cpu", "a100", "h100", "h200"] = Field("cpu", description="The machine that --dry-run "
                                                            "assumes: cpu, a100, h100 or h200.")  # fmt: skip
    parameters: float = Field(1.35e8, gt=0, description="Number of the model's parameters, for --dry-run.")

    @field_validator("seeds", "benchmarks")
    @classmethod
    def _once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not values:
            raise ValueError("at least one must be named")
        check_once(values)
        return values

    @field_validator("benchmarks")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        check_known(names, BENCHMARKS)
        return names

    def wrong(self) -> list[str]:
        """Return complaints about settings that contradict each other."""
        if self.samples > 1 and not self.temperature:
            return [f"samples wants a temperature above 0, or all {self.samples} answers to a task are the same"]
        return []


def read(cls: type[S], presets: Mapping[str, Mapping[str, Any]], where: str, flags: Mapping[str, Any]) -> S:
    """Return the settings of a preset, or of a TOML file, overridden by `flags`.

    Raises:
        UsageError: there is neither such a preset nor such a file, or settings are wrong: one line for each.
    """
    import tomllib

    found: Mapping[str, Any] | None = presets.get(where)
    if found is None:
        try:
            found = tomllib.loads(Path(where).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise UsageError(f"{where}: {why}; presets are {', '.join(presets)}{nearest(where, presets)}") from None
    return cls(**{**found, **flags})

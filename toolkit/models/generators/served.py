"""A model whose tokenizer is here and whose weights are at an endpoint: it is given the very tokens it would be given here.

So what is learnt of its answers stands behind the prompt that they were written to, chat template included. Adapters are put
into the server as they are made, by the call that vLLM and SGLang have for it, and are asked for by their names.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit.models.generators.base import Prompt, written
from toolkit.models.generators.openai_ import OpenAIGenerator
from toolkit.models.source import BadModel, GenerationFailed, Source

_LOADING_S = 300.0
"""Timeout of putting an adapter into a server, in seconds."""


class ServedGenerator(OpenAIGenerator):
    """Send tokens to an endpoint; see `OpenAIGenerator`. `close` takes the adapter out of the server again."""

    prefills = True

    def __init__(self, source: Source, tokenizer: Any, name: str = "") -> None:
        """Check that the endpoint answers, and put the adapter of `source`, if it has one, into it, under that name.

        Raises:
            BadModel: the server refuses the adapter.
            GenerationFailed: no endpoint answers.
        """
        super().__init__(replace(source, adapter=None))
        self.tokenizer = tokenizer
        self.chat = bool(getattr(tokenizer, "chat_template", None))
        self._adapter = name if source.adapter else ""
        if source.adapter:
            path = str(Path(source.adapter).resolve())
            status, said = self._tell("load_lora_adapter", {"lora_name": name, "lora_path": path})
            if status != 200 and "already" not in said:
                raise BadModel(
                    f"{self._url} does not take the adapter {path} ({status}: {said[:300]}): its server must see that "
                    "folder and load adapters while it runs (vLLM: --enable-lora, VLLM_ALLOW_RUNTIME_LORA_UPDATING=True)"
                )
            self.model = name

    def close(self) -> None:
        """Take the adapter out of the server; one that is gone has none."""
        if self._adapter:
            self._tell("unload_lora_adapter", {"lora_name": self._adapter}, fails=False)

    def text(self, prompt: Prompt) -> str:
        """Return the exact text given to the model."""
        return written(self.tokenizer, prompt)

    def _question(self, prompt: Prompt) -> dict[str, Any]:
        return {"prompt": self.tokenizer(self.text(prompt), add_special_tokens=not prompt.chat)["input_ids"]}

    def _tell(self, call: str, body: dict[str, str], *, fails: bool = True) -> tuple[int, str]:
        """Return status and text of a call of the server, which stands beside the API (vLLM) or above it (SGLang)."""
        import httpx

        try:
            for root in (self._url, self._url.removesuffix("/v1")):
                response = httpx.post(f"{root}/{call}", json=body, headers=self._headers, timeout=_LOADING_S)
                if response.status_code not in (404, 405):
                    break
        except httpx.HTTPError as error:
            if not fails:
                return 0, ""
            raise GenerationFailed(f"the endpoint {self._url} does not answer ({error or type(error).__name__})") from None
        return response.status_code, " ".join(response.text.split())

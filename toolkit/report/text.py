"""Text that programs wrote, before people see it."""

import re

_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return the text with control and direction characters and lone surrogates written out, as `\u202e`."""
    return _HOSTILE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)

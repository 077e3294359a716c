"""Pages from templates: one HTML file each that fetches nothing, and on which texts of programs stay text.

Whatever a template puts on a page is made visible and escaped; templates never say `safe`. Only styles, this package's own
script and figures that `figures` drew go in as they are.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.report.text import visible

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent


def fill(template: str, *, script: str = "", **values: Any) -> str:
    """Return a page.

    Args:
        template: name of the file.
        script: name of the file with the only script that the page lets run.
        values: what the template uses; it fails if one is missing.
    """
    from markupsafe import Markup

    code = (_FOLDER / script).read_text("utf-8") if script else ""
    own = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    style = Markup((_FOLDER / "style.css").read_text("utf-8"))
    return _environment().get_template(template).render(style=style, script=Markup(code), script_hash=own, **values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    return Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=lambda it: it if isinstance(it, Markup) else visible(str(it)),
    )  # fmt: skip

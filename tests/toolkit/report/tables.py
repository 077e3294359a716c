"""The tables of a page, as a reader sees them."""

from html.parser import HTMLParser


class Tables(HTMLParser):
    """Reads a page.

    Attributes:
        found: by the heading above it, each table as rows of (column heading, text).
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[dict[str, str]]] = {}
        self._title, self._heads, self._row, self._text = "", list[str](), list[str](), ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("h2", "th", "td"):
            self._text = ""
        elif tag == "table":
            self._heads = []
        elif tag == "tr":
            self._row = []

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        text = self._text.strip()
        if tag == "h2":
            self._title = text
        elif tag == "th":
            self._heads.append(text)
        elif tag == "td":
            self._row.append(text)
        elif tag == "tr" and self._row:
            heads = self._heads or [str(i) for i in range(len(self._row))]
            self.found.setdefault(self._title, []).append(dict(zip(heads, self._row, strict=True)))

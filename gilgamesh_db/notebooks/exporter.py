"""For nbconvert: a notebook as one HTML document that holds all it shows and in which nothing acts."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import lru_cache
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath
from traitlets import Instance, default
from traitlets.config import Config

from .citing import calmed
from .formulas import formula_of, mathml
from .harmless import harmless, something_to_see
from .page import page
from .preprocessor import Citations

if TYPE_CHECKING:
    from nbformat import NotebookNode

# What is shown of an output that comes in several forms, the best first; scripts and widgets need what is not there.
SHOWN = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex", "text/plain")
_MAGIC = re.compile(r"[%!?]")
_DOLLARS = re.compile(r"(?<![$\\])\$(?P<inline>[^$\n]+)(?<!\\)\$(?!\$)")


class HarmlessHTML(HTMLExporter):
    """HTML with citations and formulas, without scripts, frames and addresses that a browser fetches by itself."""

    export_from_notebook = "HTML with citations"

    citations = Instance(Citations, help="The preprocessor that links citations.")

    @default("citations")
    def _citations_default(self) -> Citations:
        return Citations(parent=self)

    @default("template_name")
    def _template_name_default(self) -> str:
        return "gilgamesh"

    @default("extra_template_basedirs")
    def _extra_template_basedirs_default(self) -> list[str]:
        return [str(Path(__file__).parent / "templates")]  # and not the folder somebody works in

    @property
    def default_config(self) -> Config:
        """What nbconvert is told to do otherwise."""
        merged = super().default_config.copy()
        merged.merge(Config({"NbConvertBase": {"display_data_priority": list(SHOWN)}}))
        return merged

    def _init_preprocessors(self) -> None:
        super()._init_preprocessors()
        self.register_preprocessor(self.citations)
        self.register_preprocessor(self._choose)

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> tuple[str, Any]:
        """The document; everything of the notebook in it went through `harmless`."""
        self._formulas = _Formulas()
        self.sanitize_html = True
        language = nb.metadata.get("language_info", {})
        self._language = str(language.get("pygments_lexer") or language.get("name") or "ipython3")
        self.register_filter("highlight_code", self._highlighted)
        self.register_filter("filter_data_type", lambda data: [kind for kind in SHOWN if kind in data][:1])
        resources = self._init_resources(resources)
        self._folder = str(resources["metadata"].get("path") or "")
        # HTMLExporter itself would take the finished document apart once more, which costs as much as all the rest.
        body, resources = TemplateExporter.from_notebook_node(self, nb, resources, **kw)
        title = nb.metadata.get("title") or resources["metadata"].get("name") or "Notebook"
        return page(str(title), self._formulas.put_in(harmless(body))), resources

    def default_filters(self) -> Any:
        """Its own idea of Markdown and of clean HTML."""
        yield from super().default_filters()
        yield "clean_html", harmless
        yield "markdown_html", self._markdown

    def _markdown(self, source: str, attachments: Any = None) -> str:
        """Markdown as harmless HTML; formulas are put in at the end."""
        renderer = _Renderer(
            self._formulas.keep, attachments=attachments, embed_images=self.embed_images, path=self._folder
        )
        return harmless(MarkdownWithMath(renderer=renderer).render(calmed(source)))

    def _validate_preprocessor(self, nbc: NotebookNode, preprocessor: Any) -> None:
        """Nothing: a notebook with an odd part is shown as far as it goes, and validation costs more than all else."""

    def _highlighted(self, source: str, metadata: Any = None) -> str:
        """Code in colours; nbconvert makes the colours anew for every cell."""
        from pygments import highlight

        language = (metadata or {}).get("magics_language") or self._language
        if language == "ipython3" and not _MAGIC.search(source):
            language = "python3"  # is read in half the time
        lexer = _lexer(language)
        return str(highlight(source.strip("\n"), lexer, _formatter()))

    def _choose(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Leave of each output only what can be shown: an HTML that was all script gives way to its picture or text."""
        for cell in nb.cells:
            for output in cell.get("outputs", ()):
                if "data" in output:
                    output["data"] = self._chosen(output["data"])
                    output["metadata"] = {"image/png": {}, "image/jpeg": {}}
        return nb, resources

    def _chosen(self, data: NotebookNode) -> NotebookNode:
        kept = type(data)({kind: data[kind] for kind in SHOWN if isinstance(data.get(kind), str)})
        if "text/html" in kept:
            kept["text/html"] = harmless(kept["text/html"])
            if not something_to_see(kept["text/html"]):
                del kept["text/html"]
        elif "text/latex" in kept and (formula := formula_of(kept["text/latex"])):
            kept["text/html"] = self._formulas.keep(*formula)
        return kept


@lru_cache(maxsize=32)
def _lexer(language: str) -> Any:
    from pygments.lexers import TextLexer, get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return TextLexer(stripnl=False)


@lru_cache(maxsize=1)
def _formatter() -> Any:
    from pygments.formatters import HtmlFormatter

    return HtmlFormatter(cssclass="highlight")


class _Formulas:
    """Formulas of one document: while the HTML around them is cleaned, an element nobody can guess stands in for each.

    It holds quotation marks, which cleaned HTML has in no attribute: a formula in the text of a title stays out.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_hex(16)
        self._kept: list[str] = []

    def keep(self, latex: str, block: bool) -> str:
        self._kept.append(mathml(latex, block=block))
        return f'<span class="{self._secret}-{len(self._kept) - 1}"></span>'

    def put_in(self, text: str) -> str:
        stands_in = re.compile(f'<span class="{self._secret}-([0-9]+)"></span>')
        return stands_in.sub(lambda match: self._kept[int(match[1])], text)


class _Renderer(IPythonRenderer):
    """Markdown whose formulas become MathML; pictures from elsewhere become links, because nothing is fetched."""

    def __init__(self, formula: Callable[[str, bool], str], **kw: Any) -> None:
        super().__init__(escape=False, **kw)
        self._formula = formula

    def block_math(self, body: str) -> str:
        return self._formula(body, True)

    def inline_math(self, body: str) -> str:
        return self._formula(body, False)

    def latex_environment(self, name: str, body: str) -> str:
        return self._formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", True)

    def block_html(self, html: str) -> str:
        parts = re.split(r"(<[^>]*>)", html)
        parts[::2] = [_DOLLARS.sub(lambda match: self._formula(match["inline"], False), text) for text in parts[::2]]
        text = "".join(parts)
        # Looking for pictures, nbconvert closes each tag where it opens: only what has a picture goes that way.
        return str(super().block_html(text)) if "<img" in text.lower() else text + "\n"

    def inline_html(self, html: str) -> str:
        return str(super().inline_html(html)) if html.lower().startswith("<img") else html

    def heading(self, text: str, level: int, **_: Any) -> str:
        name = unescape(re.sub(r"<[^>]*>", "", text)).strip().replace(" ", "-")
        return f'<h{level} id="{escape(name)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        shown = str(super().link(text, url, title))
        return shown.replace("<a ", '<a target="_self" ', 1) if url.startswith("#") else shown

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if url.lower().startswith(("http:", "https:", "//")):
            return self.link(text or url, url, title)
        try:
            return str(super().image(text, url, title))
        except InvalidNotebook:  # the picture is not attached
            return escape(text or url)

"""From what a page shows to HTML: templates, reStructuredText, captions and figures."""

import base64
import re

from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from faithfulness.figures.colours import DARK
from faithfulness.report.plain import Plain, Shown
from faithfulness.text import capital, number, percent, signed, size_text, slug


def page(template: str, shown: Plain, style: str) -> str:
    """A page. Whatever comes from data or configuration is escaped.

    Args:
        template: the text of the template.
        shown: what the template shows, by name.
        style: the style sheet, a file of this project, which is not escaped.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"signed": signed, "number": number, "percent": percent, "size": size_text}
    environment.filters |= {"slug": slug, "breakable": breakable, "capital": capital}
    return environment.from_string(template).render(**shown, style=Markup(style))


def rst(text: str, prefix: str = "") -> Markup:
    """A reStructuredText page as HTML, without its title; raw HTML and other files are refused."""
    settings = {
        "raw_enabled": False,
        "file_insertion_enabled": False,
        "math_output": "MathML",
        "initial_header_level": 3,
        "id_prefix": prefix,
        "report_level": 2,
        "halt_level": 2,
    }
    return Markup(publish_parts(text, writer="html5", settings_overrides=settings)["body"])


def caption(text: str, model: str | None = None) -> Markup:
    """A caption as HTML.

    Args:
        text: reStructuredText. Snakemake's own report uses the same captions and names the model of a figure
            `snakemake.wildcards.model`.
        model: the model that the figure shows, if it shows one of several.
    """
    template = Environment(undefined=StrictUndefined).from_string(text)
    return rst(template.render(snakemake={"wildcards": {"model": model}}))


def figure(name: str, caption: Markup, svg: str, alt_text: str, *, model: str | None = None) -> Shown:
    """A figure as a page shows it.

    Args:
        name: of the figure.
        caption: from `caption`; its first sentence is the title.
        svg: the text of the SVG.
        alt_text: what the figure shows, in words.
        model: the model that it shows, if it shows one of several.
    """
    width = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', svg)
    title = caption.striptags().partition(". ")[0] + "."
    return {
        "name": name,
        "id": figure_id(name, model),
        "title": title,
        "alt": f"{title} {alt_text}".strip(),
        "caption": caption,
        "source": embedded(svg),
        "inches": round(float(width[1]) / 72, 2) if width else 8,
    }


def figure_id(name: str, model: str | None) -> str:
    """Id of a figure on a page or in a document."""
    return slug(f"figure-{name}-{model or name}")


def embedded(svg: str) -> str:
    """An SVG as a data address that needs no other file and turns dark where the reader's screen is."""
    rules = "".join(
        f'[{kind}="{light}"],[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"
    themed = re.sub(r"(<svg\b[^>]*>)", lambda match: match[1] + style, svg, count=1)
    return "data:image/svg+xml;base64," + base64.b64encode(themed.encode()).decode()


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores, where the place is narrow."""
    return escape(name).replace("_", Markup("_<wbr>"))

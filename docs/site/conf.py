"""The documentation site: ``make site`` writes it to build/site. Nothing is fetched while it is built or read."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import formulas  # noqa: E402
import gallery  # noqa: E402
import notebooks  # noqa: E402
import pages  # noqa: E402
import reference  # noqa: E402
import search  # noqa: E402

from spillover import __version__  # noqa: E402

project, author, release = "spillover", "spillover developers", __version__
copyright = "spillover developers, BSD-3-Clause"
root_doc = "site/home"
exclude_patterns = ["index.md", "site/templates"]  # index.md lists the pages for readers of the repository
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_nb"]
templates_path = ["templates"]
nb_execution_mode = "off"  # pages hold their output: `make docs` runs them, and a test compares
myst_heading_anchors = 3
smartquotes = False  # "none" is what one types
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's Parameters say them in words
numpydoc_show_class_members = False
html_theme = "pydata_sphinx_theme"
html_title = f"spillover {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_search_language = "mixed"
html_extra_path = ["root"]
html_theme_options = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc", "notebook"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def with_notebook(app, name, template, context, doctree):
    """What the template for the link to a page's notebook needs."""
    if (Path(app.outdir) / "notebooks" / f"{name}.ipynb").exists():
        words = "下载笔记本" if name.endswith("-zh") else "Download as a notebook"
        context |= {"notebook": f"notebooks/{name}.ipynb", "notebook_words": words}


def setup(app):
    app.add_search_language(search.SearchMixed)
    app.connect("html-page-context", with_notebook)
    app.connect("config-inited", lambda *_: reference.write(HERE / "reference"))
    app.connect("config-inited", lambda *_: gallery.write(HERE.parent, HERE / "gallery.md"))
    app.connect("config-inited", lambda *_: pages.write(HERE.parent, HERE))
    app.connect("autodoc-process-docstring", formulas.literal, priority=400)
    app.connect("builder-inited", lambda app: notebooks.write(HERE.parent, Path(app.outdir) / "notebooks"))

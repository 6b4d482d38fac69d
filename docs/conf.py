"""The documentation site: sphinx-build -W --keep-going -n docs build/site.

Nothing on it is loaded from elsewhere: theme, search and formulas work without a network.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import mrtoct

project = "mrtoct"
author = "The mrtoct developers"
project_copyright = author
version = release = mrtoct.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
extensions += ["sphinx_copybutton", "site_math", "site_pages"]
napoleon_google_docstring = False  # ours are numpydoc's
source_suffix = {".md": "myst-nb"}
exclude_patterns = ["images"]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

# The gallery's notebooks are executed whenever the site is built; one that fails fails the build.
# While you write other pages: sphinx-build -D nb_execution_mode=off docs build/site
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True
nb_execution_show_tb = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
add_module_names = True  # a signature shows what to import
# Types in signatures are named without a link: most are other packages', or have no page.
nitpick_ignore_regex = [(r"py:.*", r".*")]

html_theme = "furo"
html_title = f"mrtoct {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).parent / "search_scorer.js")
html_show_sphinx = False
html_math_renderer = "mathml"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_prompt_text = "$ "

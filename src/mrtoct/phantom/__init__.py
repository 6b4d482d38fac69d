"""A parametric head whose CT, MR, tissue labels and true alignment are known.

The embedded data set: it needs no download, differs from subject to subject, and is a fair test,
because bone and air are both dark in MR while thousands of HU apart.
"""

from mrtoct.phantom.settings import DEMO, RIRE, TINY, PhantomSettings
from mrtoct.phantom.subject import PhantomSubject, make_subject
from mrtoct.phantom.tissues import Tissue

__all__ = ["DEMO", "RIRE", "TINY", "PhantomSettings", "PhantomSubject", "Tissue", "make_subject"]

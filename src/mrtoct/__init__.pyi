# What a scientist types. lazy_loader reads these lines and imports each name when it is first used.
from ._version import __version__ as __version__
from .io.files import read_volume as read_volume
from .io.files import write_volume as write_volume
from .judging.front import evaluate as evaluate
from .judging.front import judge as judge
from .prepare.cohort import prepare_cohort as prepare_cohort
from .registration.register import register as register
from .training.recipe_file import load_recipe as load_recipe
from .training.train import train as train
from .translation.translator import Translator as Translator
from .volume import Grid as Grid
from .volume import Volume as Volume

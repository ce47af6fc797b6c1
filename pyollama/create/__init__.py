"""Making models: from a request or a Modelfile to layers, a config and a manifest."""

from pyollama.create.modelfile import read_modelfile, spec_from_modelfile
from pyollama.create.progress import Progress
from pyollama.create.spec import CreateSpec
from pyollama.create.steps import create

__all__ = ["CreateSpec", "Progress", "create", "read_modelfile", "spec_from_modelfile"]

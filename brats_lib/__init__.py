"""Brain-tumour segmentation on BraTS MRI: data, phantoms, networks, scores and figures."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("brats-lib")
except PackageNotFoundError:  # a checkout on sys.path that was never installed
    __version__ = "0+unknown"

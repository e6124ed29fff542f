"""From a scanner's files to a case as BraTS has it. The extra `scanner` has its libraries; only this room uses them."""

from importlib.util import find_spec

from brats_lib.errors import BratsError, install_extra


def need_libraries() -> None:
    """Refuse to go on where the packages of the extra `scanner` are missing."""
    if missing := [name for name in ("pydicom", "SimpleITK") if find_spec(name) is None]:
        found, expected = f"the package {missing[0]} is missing", "the packages of the extra `scanner`"
        raise BratsError("brats prepare", found, expected, install_extra("scanner"))

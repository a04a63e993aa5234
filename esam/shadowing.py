"""Our packages have plain names; make sure that they are ours."""

from importlib.util import find_spec
from pathlib import Path

from .errors import ShadowedPackage

_PACKAGES = ("core", "worker", "labelstudio_backend", "training")


def refuse_shadowed_packages() -> None:
    """Check that each of our packages lies beside this one.

    Raises:
        ShadowedPackage: another distribution's package of the same name comes first.
    """
    home = Path(__file__).resolve().parent.parent
    for name in _PACKAGES:
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or origin.parent.parent != home:
            raise ShadowedPackage(
                f"the package {name!r} comes from {origin or 'nowhere'} instead of {home}; "
                "install efficientsam-labelstudio in a virtual environment of its own, "
                "and do not start it inside a folder that holds a package of this name"
            )

"""The names of the package, which are imported when they are asked for."""

import pytest

import training


def test_a_name_that_the_package_lacks_is_told() -> None:
    with pytest.raises(AttributeError, match="module 'training' has no attribute 'nothing'"):
        getattr(training, "nothing")  # noqa: B009  mypy knows too

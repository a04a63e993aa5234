"""Who is told that the small model is at work."""

import pytest

from core import MODELS, WEIGHTS_FOLDER
from esam.model_options import say_which_model


def test_who_chose_nothing_is_told_how_to_get_a_better_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say_which_model("nano", is_default=True)
    out, err = capsys.readouterr()
    assert out == "", "stdout is for what was asked for"
    assert f"{MODELS['vitt'].filename} is not in {WEIGHTS_FOLDER.name}/" in err
    assert "`esam weights download vitt`" in err


@pytest.mark.parametrize(("name", "is_default"), [("nano", False), ("vitt", True)])
def test_who_chose_it_or_has_the_better_one_is_told_nothing(
    capsys: pytest.CaptureFixture[str], name: str, is_default: bool
) -> None:
    say_which_model(name, is_default)
    assert capsys.readouterr() == ("", "")

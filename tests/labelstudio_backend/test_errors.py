from collections.abc import Iterator

import pytest
import redis

import core
import worker
from labelstudio_backend import BackendError, errors
from labelstudio_backend.errors import translate_error


def subclasses_of(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from subclasses_of(child)


BELOW = [*subclasses_of(core.EfficientSAMError), *subclasses_of(worker.WorkerError)]
OURS = [cls for cls in subclasses_of(BackendError) if issubclass(cls, BackendError)]


@pytest.mark.parametrize("error_type", BELOW)
def test_every_error_of_the_packages_below_has_an_answer_that_keeps_its_message(
    error_type: type[core.EfficientSAMError | worker.WorkerError],
) -> None:
    answer = translate_error(error_type("what, the value, what to do"))
    assert answer.detail == "what, the value, what to do"
    assert 400 <= answer.status < 600


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (core.PromptError("x"), 400),
        (core.ImageError("x"), 422),
        (worker.EncodeFailed("x"), 422),
        (worker.NoWorker("x"), 503),
        (worker.RedisUnavailable("x"), 503),
        (worker.QueueFull("x"), 503),
        (worker.EncodeTimeout("x"), 504),
        (redis.exceptions.ConnectionError("x"), 503),
        (redis.exceptions.OutOfMemoryError("x"), 503),
        (ZeroDivisionError("x"), 500),
    ],
)
def test_who_is_at_fault_decides_the_status(error: Exception, status: int) -> None:
    assert translate_error(error).status == status


def test_codes_are_unique_and_the_docstring_draws_every_class_with_status_and_code() -> None:
    drawn = errors.__doc__ or ""
    named = [cls for cls in OURS if cls is not BackendError]
    assert len({cls.code for cls in named}) == len(named)
    for cls in named:
        (line,) = [row for row in drawn.splitlines() if f"── {cls.__name__} " in row]
        assert line.split()[-2:] == [str(cls.status), cls.code]


@pytest.mark.parametrize("error_type", [worker.NoWorker, worker.QueueFull])
def test_an_encoder_that_cannot_take_it_now_says_when_to_ask_again(
    error_type: type[worker.WorkerError],
) -> None:
    assert translate_error(error_type("x")).headers["Retry-After"] == "5"

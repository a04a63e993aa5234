"""Batches: repeatable, made ahead in another process, never from held-out scenes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from training.batches import FIRST_HELD_OUT_SEED, BatchRecipe, BatchStream, downsample, make_batch

ORPHANS = """
import multiprocessing, os, signal, time
from training.batches import BatchRecipe, BatchStream

if __name__ == "__main__":
    with BatchStream(BatchRecipe(5, 1, 1, 256, 128), first_step=0) as stream:
        stream.take()
        print(multiprocessing.active_children()[0].pid, flush=True)
        time.sleep(3)  # so that it has made all there is room for, and waits
        os.kill(os.getpid(), signal.SIGKILL)
"""
RECIPE = BatchRecipe(seed=5, scenes=2, objects=3, image_px=256, truth_px=128)


def take_all(stream: BatchStream) -> None:
    while True:
        stream.take()


def test_a_batch_has_the_shapes_that_the_model_takes() -> None:
    batch = make_batch(RECIPE, 0)
    assert batch.images.shape == (2, 256, 256, 3)
    assert batch.points.shape == (2, 3, 6, 2)
    assert batch.labels.shape == (2, 3, 6)
    assert batch.truth.shape == (2, 3, 128, 128)
    assert batch.truth.max() == 255


@pytest.mark.parametrize("makers", [1, 2])
def test_the_background_processes_make_the_same_batches_in_order(makers: int) -> None:
    with BatchStream(RECIPE, first_step=7, makers=makers) as stream:
        ahead = [stream.take() for _ in range(3)]
    for step, batch in enumerate(ahead, start=7):
        here = make_batch(RECIPE, step)
        assert np.array_equal(batch.images, here.images)
        assert np.array_equal(batch.points, here.points)
        assert np.array_equal(batch.truth, here.truth)


def test_a_background_process_that_died_is_told() -> None:
    with BatchStream(RECIPE, first_step=0) as stream:
        stream.take()
        (maker,) = multiprocessing.active_children()
        maker.kill()
        with pytest.raises(RuntimeError, match="batch-making process ended with exit code -9"):
            take_all(stream)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_background_processes_end_when_their_parent_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    command = [sys.executable, str(script)]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == -signal.SIGKILL, told.stderr
    maker = Path(f"/proc/{int(told.stdout)}/stat")
    deadline = time.monotonic() + 60
    while maker.exists() and maker.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "it still makes batches"
        time.sleep(0.05)


def test_a_held_out_seed_cannot_be_trained_on() -> None:
    with pytest.raises(ValueError, match="held out"):
        BatchRecipe(FIRST_HELD_OUT_SEED, 1, 1, 256, 128)


def test_downsampling_keeps_the_share_of_covered_pixels() -> None:
    mask = np.zeros((8, 8), np.bool_)
    mask[:2, :3] = True
    assert downsample(mask, 4)[0].tolist() == [255, 127, 0, 0]

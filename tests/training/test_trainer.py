"""The training loop on the real architecture: it learns, stops, and goes on where it stopped."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from core import load_predictor
from training import TrainingConfig, TrainingDisplay, TrainingProgress, train
from training.attention import WrittenOutAttention
from training.batches import make_batch
from training.errors import TrainingError
from training.runs import LOG_NAME, STATE_NAME, replace_file
from training.trainer import Trainer


def _config(folder: Path, steps: int = 4) -> TrainingConfig:
    return TrainingConfig(
        folder=folder,
        minutes=None,
        steps=steps,
        scenes=1,
        objects=2,
        warmup_steps=2,
        threads=1,
        is_bfloat16=False,
    )


def _advance(trainer: Trainer, steps: int) -> Trainer:
    """Do steps as a run does, with batches made here."""
    for _ in range(steps):
        batch = make_batch(trainer.recipe, trainer.state.step)
        rate = trainer.config.learning_rate_at(trainer.state.step, 0.0)
        trainer.step(batch, rate)
    return trainer


def test_a_stopped_run_goes_on_exactly_where_it_stopped(tmp_path: Path) -> None:
    straight = _advance(Trainer(_config(tmp_path / "straight")), 3).save()
    _advance(Trainer(_config(tmp_path / "resumed")), 2).save()
    torch.manual_seed(99)
    resumed = Trainer(_config(tmp_path / "resumed"))
    assert resumed.state.step == 2
    assert _advance(resumed, 1).save().read_bytes() == straight.read_bytes()


def test_a_run_can_begin_with_the_weights_of_another(tmp_path: Path) -> None:
    weights = _advance(Trainer(_config(tmp_path / "first")), 1).save()
    second = Trainer(replace(_config(tmp_path / "second"), start_weights=weights))
    kept = load_file(weights)
    for name, value in second.model.state_dict().items():
        torch.testing.assert_close(value, kept[name].float(), msg=name)
    assert second.state.step == 0
    assert second.model.training


def test_what_is_written_can_lie_between_the_start_and_what_was_learned(tmp_path: Path) -> None:
    weights = _advance(Trainer(_config(tmp_path / "first")), 1).save()
    config = replace(_config(tmp_path / "second"), start_weights=weights, start_share=0.25)
    trainer = _advance(Trainer(config), 1)
    start, written = load_file(weights), load_file(trainer.save())
    for name, mean in trainer.state.average.items():
        expected = 0.75 * mean + 0.25 * start[name].float()
        torch.testing.assert_close(written[name].float(), expected, atol=1e-3, rtol=1e-3, msg=name)
    with pytest.raises(ValueError, match="needs start weights"):
        replace(_config(tmp_path), start_share=0.25)


@pytest.mark.parametrize("part", ["model", "optimizer"])
def test_a_run_of_another_network_or_optimizer_is_refused_in_words(
    tmp_path: Path, part: str
) -> None:
    _advance(Trainer(_config(tmp_path)), 1).save()
    state = torch.load(tmp_path / STATE_NAME, weights_only=True)
    state[part] = {"state": {}, "param_groups": []}
    torch.save(state, tmp_path / STATE_NAME)
    with pytest.raises(TrainingError, match="another --folder"):
        Trainer(_config(tmp_path))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_compiled_run_learns_the_same(tmp_path: Path) -> None:
    plain = _advance(Trainer(_config(tmp_path / "plain")), 2).save()
    # What the compiler makes of it is torch's own business, and takes minutes.
    with torch.compiler.set_stance("force_eager"):
        compiled = _advance(
            Trainer(replace(_config(tmp_path / "compiled"), is_compiled=True)), 2
        ).save()
    assert compiled.read_bytes() == plain.read_bytes()


def test_a_step_in_bfloat16_is_nearly_that_in_float32(tmp_path: Path) -> None:
    batch = make_batch(Trainer(_config(tmp_path)).recipe, 0)
    losses = [
        Trainer(replace(_config(tmp_path), is_bfloat16=is_bfloat16)).step(batch, 1e-3)[0].total
        for is_bfloat16 in (False, True)
    ]
    assert losses[0] != losses[1]
    torch.testing.assert_close(losses[0], losses[1], rtol=0.01, atol=0)


def test_a_run_told_to_stop_does_no_further_step(tmp_path: Path) -> None:
    trainer = Trainer(_config(tmp_path))
    trainer.run(is_stopping=lambda: True)
    assert trainer.state.step == 0


def test_a_run_keeps_its_log_and_its_state_as_it_goes(tmp_path: Path) -> None:
    trainer = Trainer(replace(_config(tmp_path, steps=20), save_every_s=0))
    trainer.state.step = 19
    trainer.run(is_stopping=lambda: False)
    (started, report) = map(json.loads, (tmp_path / LOG_NAME).read_text().splitlines())
    assert (started["start"], report["step"], report["progress"]) == (0, 20, 1)
    assert (tmp_path / STATE_NAME).is_file()
    assert Trainer(_config(tmp_path, steps=20)).state.step == 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_ends_after_the_step_in_hand(
    tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    weights = train(_config(tmp_path), on_progress=lambda _: os.kill(os.getpid(), number))
    assert weights.is_file()
    assert Trainer(_config(tmp_path)).state.step == 1
    assert signal.getsignal(number) is before


def test_a_run_needs_no_main_thread(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(train, _config(tmp_path, steps=1)).result().is_file()


def test_the_weights_of_a_run_load_as_a_model(tmp_path: Path) -> None:
    seen: list[TrainingProgress] = []
    weights = train(_config(tmp_path, steps=2), on_progress=seen.append)
    predictor = load_predictor("nano", weights=weights)
    assert predictor.architecture.image_size == 256
    assert [report.step for report in seen] == [1, 2]
    assert seen[-1].progress == 1
    started = json.loads((tmp_path / LOG_NAME).read_text().splitlines()[0])
    assert (started["start"], started["steps"]) == (0, 2)


def test_a_few_steps_on_one_batch_bring_the_loss_down(tmp_path: Path) -> None:
    trainer = Trainer(_config(tmp_path, steps=100))
    batch = make_batch(trainer.recipe, 0)
    losses = [trainer.step(batch, 1e-3)[0].total.item() for _ in range(20)]
    assert losses[-1] < 0.75 * losses[0]


def test_the_running_mean_follows_the_weights(tmp_path: Path) -> None:
    trainer = Trainer(_config(tmp_path))
    name = "mask_decoder.mask_tokens.weight"
    start = trainer.state.average[name].clone()
    trainer.step(make_batch(trainer.recipe, 0), 1e-3)
    now = trainer.model.state_dict()[name]
    mean = trainer.state.average[name]
    assert 0 < (mean - start).abs().sum() < (now - start).abs().sum()


def test_written_out_attention_is_the_same_attention() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, 10, 8, generator=generator) for _ in range(3))
    fused = F.scaled_dot_product_attention(query, key, value)
    with WrittenOutAttention():
        written = F.scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(written, fused)


def test_the_learning_rate_rises_stays_and_then_falls_to_almost_nothing() -> None:
    config = TrainingConfig(folder=Path("unused"), minutes=10, warmup_steps=10)
    assert config.learning_rate_at(0, 0.0) == pytest.approx(config.learning_rate / 10)
    assert config.learning_rate_at(10, 0.0) == pytest.approx(config.learning_rate)
    assert config.learning_rate_at(10, config.progress(10, 390)) == pytest.approx(1e-3)
    assert config.learning_rate_at(10, config.progress(10, 500)) == pytest.approx(5e-4, rel=0.02)
    assert config.learning_rate_at(10, config.progress(10, 600)) == pytest.approx(1e-5)


@pytest.mark.parametrize(("minutes", "steps"), [(None, None), (5.0, 10), (0.0, None), (None, -1)])
def test_a_run_needs_exactly_one_positive_length(minutes: float | None, steps: int | None) -> None:
    with pytest.raises(ValueError, match="length"):
        TrainingConfig(folder=Path("unused"), minutes=minutes, steps=steps)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "state.pt"
    target.write_text("old")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        replace_file(target, fail)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def test_the_display_takes_progress() -> None:
    with TrainingDisplay() as display:
        display(TrainingProgress(3, 0.5, 1.2, 0.4, 0.6, 1e-3, 0.8, 0.0, 2, 12.0))

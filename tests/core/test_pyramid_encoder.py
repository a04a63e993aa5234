"""The small model's encoder: shapes, the way of the details, and points outside."""

import torch

from core import Architecture, EfficientSAM, build_model
from core.pyramid_encoder import pack_details, unpack_details
from core.registry import PyramidEncoder

ARCHITECTURE = Architecture(
    image_size=64,
    encoder=PyramidEncoder(widths=(8, 8, 16, 32), blocks=(1, 1), depth=1, heads=2),
    embedding_channels=32,
    decoder_mlp_width=32,
    has_negative_points=True,
)


def _decode(model: EfficientSAM, embedding: torch.Tensor, label: int) -> torch.Tensor:
    points = torch.tensor([[[[20.0, 30.0], [40.0, 10.0], *[[-1.0, -1.0]] * 4]]])
    labels = torch.tensor([[[1, label, -1, -1, -1, -1]]])
    with torch.inference_mode():
        return model.decode(model.prepare(embedding), points, labels)[0]


def test_an_embedding_has_cells_and_details_in_one_array() -> None:
    assert ARCHITECTURE.embedding_shape == (128, 8, 8)
    with torch.inference_mode():
        embedding = build_model(ARCHITECTURE).encode(torch.rand(2, 3, 64, 64))
    assert tuple(embedding.shape) == (2, *ARCHITECTURE.embedding_shape)


def test_details_come_back_in_the_pixel_order_of_the_upscaling() -> None:
    grid, channels = 3, 16
    quarter = torch.rand(2, channels // 4, 2 * grid, 2 * grid)
    half = torch.rand(2, channels // 8, 4 * grid, 4 * grid)
    quarters, halves = unpack_details(pack_details(quarter, half), channels, half.dtype)
    assert quarters.shape == (2, 1, 4 * grid**2, channels // 4)
    assert halves.shape == (2, 1, 16 * grid**2, channels // 8)
    for row in range(4 * grid):
        for column in range(4 * grid):
            cell = (row // 4) * grid + column // 4
            first = 2 * (row // 2 % 2) + column // 2 % 2
            second = 2 * (row % 2) + column % 2
            torch.testing.assert_close(
                quarters[:, 0, 4 * cell + first], quarter[:, :, row // 2, column // 2]
            )
            torch.testing.assert_close(
                halves[:, 0, 16 * cell + 4 * first + second], half[:, :, row, column]
            )


def test_a_detail_changes_the_logits_where_it_lies_and_nowhere_else() -> None:
    torch.manual_seed(3)
    model = build_model(ARCHITECTURE)
    embedding = torch.randn(1, *ARCHITECTURE.embedding_shape)
    # The last of the packed channels: details of the finest stride, in the cell's last corner.
    changed = embedding.clone()
    changed[0, -1, 2, 5] += 5
    difference = _decode(model, changed, 1) - _decode(model, embedding, 1)
    rows, columns = difference[0, 0].abs().amax(dim=0).nonzero(as_tuple=True)
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {(4 * 2 + 3, 4 * 5 + 3)}


def test_a_point_outside_means_something_to_a_model_that_has_learned_it() -> None:
    torch.manual_seed(3)
    model = build_model(ARCHITECTURE)
    embedding = torch.randn(1, *ARCHITECTURE.embedding_shape)
    assert not torch.allclose(_decode(model, embedding, 0), _decode(model, embedding, 1))
    assert "prompt_encoder.negative_point_embeddings.weight" in model.state_dict()


def test_several_images_with_several_prompts_equal_each_alone() -> None:
    torch.manual_seed(3)
    model = build_model(ARCHITECTURE).eval()
    embeddings = torch.randn(2, *ARCHITECTURE.embedding_shape)
    points = torch.rand(2, 3, 6, 2) * 64
    labels = torch.ones(2, 3, 6, dtype=torch.int64)
    with torch.inference_mode():
        together, _ = model.decode(model.prepare(embeddings), points, labels)
        for i in range(2):
            alone, _ = model.decode(
                model.prepare(embeddings[i : i + 1]), points[i : i + 1], labels[i : i + 1]
            )
            torch.testing.assert_close(together[i], alone[0], atol=1e-4, rtol=1e-4)

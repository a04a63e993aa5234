"""The models there are, as data: adding a model is adding a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from .automatic_mask_config import AutomaticMaskConfig
from .errors import UnknownModelError
from .mask_cleaning_config import MaskCleaning


@dataclass(frozen=True)
class PlainEncoder:
    """A plain vision transformer, as published.

    Attributes:
        patch_size: side of one patch, pixels; one token and one cell of the embedding each.
        width: channels.
        depth: transformer blocks.
        heads: attention heads.
        pretrain_grid: side of the saved position grid, tokens; resized when the grid differs.
    """

    patch_size: int
    width: int
    depth: int
    heads: int
    pretrain_grid: int

    has_details: ClassVar[bool] = False
    """Whether the embedding holds finer features beside its cells."""

    @property
    def cell_px(self) -> int:
        """Side of one cell of the embedding, pixels of the model input."""
        return self.patch_size


@dataclass(frozen=True)
class PyramidEncoder:
    """Convolutions that halve the image step by step, and a transformer on the smallest of them.

    Its cells are 8 pixels; the finer features beside them are added where the mask decoder
    upscales (``MaskDecoder``).

    Attributes:
        widths: channels at strides 2, 4, 8 and 16.
        blocks: residual blocks at strides 4 and 8.
        depth: transformer blocks at stride 16.
        heads: attention heads.
    """

    widths: tuple[int, int, int, int]
    blocks: tuple[int, int]
    depth: int
    heads: int

    cell_px: ClassVar[int] = 8
    has_details: ClassVar[bool] = True


@dataclass(frozen=True)
class Architecture:
    """The numbers that tell one EfficientSAM from another.

    Attributes:
        image_size: side of the square model input, pixels.
        encoder: the image encoder.
        embedding_channels: channels of a cell of the embedding and width of the mask decoder.
        decoder_mlp_width: hidden width of the decoder's feed-forward layers.
        is_antialiased: whether the resize to the model input is low-pass filtered. The published
            models were trained without; a model of small input needs it.
        has_negative_points: whether it was trained with points outside the object; the published
            models were not.
        max_enlargement: how many times larger than its own pixels a part of an image may be shown
            to it (``tiles``), as far as its training enlarged them; the published models' did not.
    """

    image_size: int
    encoder: PlainEncoder | PyramidEncoder
    embedding_channels: int
    decoder_mlp_width: int
    is_antialiased: bool = False
    has_negative_points: bool = False
    max_enlargement: float = 1.0

    @property
    def grid(self) -> int:
        """Side of the embedding, cells."""
        return self.image_size // self.encoder.cell_px

    @property
    def embedding_shape(self) -> tuple[int, int, int]:
        """(C, grid, grid) of an embedding; details, where it holds any, are packed into channels.

        They are C / 4 channels at twice the grid and C / 8 at four times the grid.
        """
        channels = self.embedding_channels
        return (channels * (4 if self.encoder.has_details else 1), self.grid, self.grid)

    @property
    def logits_size(self) -> int:
        """Side of the low-resolution logits, pixels."""
        return 4 * self.grid


@dataclass(frozen=True)
class ModelSpec:
    """One row of the registry.

    Attributes:
        name: what people type.
        summary: one line for listings.
        architecture: the numbers of the network.
        filename: the checkpoint's name inside the weights folder.
        licence: SPDX identifier of the weights.
        url: where the official file is downloaded from; None for one that ships with the product.
        git_blob_sha1: git's id of the official file (SHA-1 of ``blob <size>\\0`` + content).
        sha256: SHA-256 of a file that ships with the product.
        is_bounded_by_box: whether the answer to a box is kept inside it (``box_bounds``); the
            published models are answered as published.
        automatic_masks: the options of segmenting everything that suit its scores and logits.
        mask_cleaning: what is cleaned in its answers; nothing in those of the published models.
    """

    name: str
    summary: str
    architecture: Architecture
    filename: str
    licence: str
    url: str | None = None
    git_blob_sha1: str | None = None
    sha256: str | None = None
    is_bounded_by_box: bool = False
    automatic_masks: AutomaticMaskConfig = field(default_factory=AutomaticMaskConfig)
    mask_cleaning: MaskCleaning = field(default_factory=MaskCleaning)


def _published(width: int, heads: int) -> Architecture:
    return Architecture(
        image_size=1024,
        encoder=PlainEncoder(patch_size=16, width=width, depth=12, heads=heads, pretrain_grid=14),
        embedding_channels=256,
        decoder_mlp_width=2048,
    )


_OFFICIAL_URL = "https://github.com/yformer/EfficientSAM/raw/main/weights/"

_ROWS = (
    ModelSpec(
        name="vitt",
        summary="EfficientSAM ViT-Tiny, the published weights (10.2 M parameters)",
        architecture=_published(width=192, heads=3),
        filename="efficient_sam_vitt.pt",
        licence="Apache-2.0",
        url=_OFFICIAL_URL + "efficient_sam_vitt.pt",
        git_blob_sha1="af883c49e33c68f01107be52df0ecad26a48355f",
    ),
    ModelSpec(
        name="vits",
        summary="EfficientSAM ViT-Small, the published weights (26.4 M parameters)",
        architecture=_published(width=384, heads=6),
        filename="efficient_sam_vits.pt.zip",
        licence="Apache-2.0",
        url=_OFFICIAL_URL + "efficient_sam_vits.pt.zip",
        git_blob_sha1="fa4e9f05f753e109dbde052f97d37903b833cf53",
    ),
    ModelSpec(
        name="nano",
        summary="small model that ships with the product, trained on made scenes",
        architecture=Architecture(
            image_size=256,
            encoder=PyramidEncoder(widths=(24, 48, 96, 160), blocks=(2, 3), depth=6, heads=5),
            embedding_channels=128,
            decoder_mlp_width=512,
            is_antialiased=True,
            has_negative_points=True,
            max_enlargement=2.8,
        ),
        filename="nano.safetensors",
        licence="Apache-2.0",
        sha256="9a085871fc99634d53dce20cec903b1ae3695a5991729b443a338628d4336c83",
        is_bounded_by_box=True,
        automatic_masks=AutomaticMaskConfig(
            min_predicted_iou=0.45,
            min_stability=0.5,
            stability_offset=0.25,
            max_box_iou=0.5,
            max_mask_iou=0.5,
            min_area_share=0.002,
        ),
        mask_cleaning=MaskCleaning(min_part_share=0.05, has_clicked_parts_only=True),
    ),
)

MODELS: Mapping[str, ModelSpec] = MappingProxyType({row.name: row for row in _ROWS})
"""Name → row, best quality for the time first."""


def find_model(name: str) -> ModelSpec:
    """Look a model up by name.

    Raises:
        UnknownModelError: there is no such row; the message lists those there are.
    """
    try:
        return MODELS[name]
    except KeyError:
        raise UnknownModelError(
            f"unknown model {name!r}; the registry has: {', '.join(MODELS)}"
        ) from None

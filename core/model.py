"""EfficientSAM, put together."""

import torch
from torch import Tensor, nn

from .image_encoder import ImageEncoder
from .mask_decoder import MaskDecoder, PreparedImage
from .precision import Precision
from .prompt_encoder import SLOTS, PromptEncoder, SlotLabel
from .pyramid_encoder import PyramidImageEncoder
from .registry import Architecture, PyramidEncoder

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class EfficientSAM(nn.Module):
    """Image encoder, prompt encoder and mask decoder under the published state-dict names.

    Args:
        architecture: the numbers of its network.
        has_encoder: whether it encodes too; one that only decodes has no ``image_encoder``.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, architecture: Architecture, has_encoder: bool = True) -> None:
        super().__init__()
        self.architecture = architecture
        if has_encoder:
            self.image_encoder = _build_image_encoder(architecture)
        self.prompt_encoder = PromptEncoder(architecture)
        self.mask_decoder = MaskDecoder(architecture)
        for name, values in (("mean", _IMAGENET_MEAN), ("std", _IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    @property
    def has_encoder(self) -> bool:
        """Whether it encodes too."""
        return hasattr(self, "image_encoder")

    def encode(self, images: Tensor) -> Tensor:
        """Encode images.

        Args:
            images: (B, 3, S, S) floats in [0, 1], S the architecture's image size.

        Returns:
            (B, *architecture.embedding_shape) embedding.
        """
        normalised = (images - self.mean) / self.std
        embedding: Tensor = self.image_encoder(normalised.to(self.image_encoder.pos_embed.dtype))
        return embedding

    def prepare(self, embedding: Tensor) -> PreparedImage:
        """What decoding needs of embeddings (B, *embedding_shape), whatever the prompt."""
        dtype = self.mask_decoder.iou_token.weight.dtype
        cell_position = self.prompt_encoder.image_positions().to(dtype)
        image: PreparedImage = self.mask_decoder.prepare(embedding, cell_position)
        return image

    def decode(self, image: PreparedImage, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Decode Q prompts on each of B images.

        Args:
            image: what ``prepare`` made of them.
            points: (B, Q, 6, 2) model-input pixels, (x, y).
            labels: (B, Q, 6) integers of ``SlotLabel``, padding last. Both best on the CPU: the
                shape of what is computed depends on them, and a device would be waited for.

        Returns:
            Logits (B, Q, 3, 4·grid, 4·grid) and predicted IoU (B, Q, 3).
        """
        like = self.mask_decoder.iou_token.weight
        # Padding is the same token each time: one stands for all that every prompt ends with.
        used = int((labels != SlotLabel.PADDING).sum(dim=-1).max())
        kept = min(used + 1, SLOTS)
        points, labels = points[..., :kept, :].to(like.device), labels[..., :kept].to(like.device)
        tokens = self.prompt_encoder(points, labels).to(like.dtype)
        logits, iou = self.mask_decoder(image, tokens, repeats=SLOTS - kept + 1)
        return logits, iou

    def set_precision(self, precision: Precision) -> None:
        """Run encoder and mask decoder in these dtypes."""
        if self.has_encoder:
            self.image_encoder.to(precision.encoder)
        self.mask_decoder.to(precision.decoder)


def _build_image_encoder(architecture: Architecture) -> ImageEncoder | PyramidImageEncoder:
    encoder = architecture.encoder
    if isinstance(encoder, PyramidEncoder):
        return PyramidImageEncoder(architecture, encoder)
    return ImageEncoder(architecture, encoder)


def build_model(architecture: Architecture) -> EfficientSAM:
    """A model of this architecture with random weights."""
    return EfficientSAM(architecture)


def build_decoder(architecture: Architecture) -> EfficientSAM:
    """What comes after the embedding alone, with random weights: it cannot encode."""
    return EfficientSAM(architecture, has_encoder=False)

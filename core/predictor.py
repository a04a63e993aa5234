"""The front door: encode an image once, decode as many prompts on it as you like. Stateless."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .box_bounds import bound_by_box, fit_to_box
from .checkpoint import Checkpoint
from .click_rule import (
    apply_claims,
    choose_by_clicks,
    find_wrong_clicks,
    make_own_prompt,
)
from .decoder_file import read_decoder
from .encoder_identity import hash_encoder
from .errors import CheckpointError, EfficientSAMError, ImageError
from .mask_cleaning import clean_answer
from .mask_decoder import CANDIDATES, PreparedImage
from .mask_prediction import MaskPrediction
from .memory import memory_errors_translated
from .model import EfficientSAM, build_decoder
from .pass_grouping import group_passes
from .precision import Precision
from .prepared_images import PreparedImages
from .preprocessing import find_preprocessing_version, to_model_input
from .prompt import Prompt

_PASSES_AT_ONCE = 16
_CPU_FLOATS_AT_ONCE = 1 << 21
"""Cells times channels of the passes that a CPU does at once: more would not stay in its cache."""

_PREPARED_IMAGES = 4
_IDENTITY_DIGITS = 16
_VERSION_DIGITS = 8


@dataclass(frozen=True, eq=False)
class ImageEmbedding:
    """What the encoder made of one image.

    Attributes:
        features: (C, grid, grid) floats, on the device and in the dtype they were made in.
        original_size_hw: (height, width) of the original image, pixels.
    """

    features: Tensor
    original_size_hw: tuple[int, int]


class Predictor:
    """A loaded model: arrays in, masks out. Safe to share between threads.

    Attributes:
        spec: its row in the registry.
        architecture: the numbers of its network.
        device: where it is.
        precision: what it computes in.
        cleaning: what is cleaned in its answers; may be set before it is used.
        model_version: name of model and weights, such as ``efficientsam-vitt-1a2b3c4d``, and of a
            decoder of its own, such as ``efficientsam-vitt-1a2b3c4d-5e6f7081``.
        embedding_identity: what an embedding depends on beside the image: the encoder's weights
            and the preprocessing. The same whatever decoder reads it.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        model: EfficientSAM,
        weights_sha256: str,
        device: torch.device,
        precision: Precision,
    ) -> None:
        self.spec = checkpoint.spec
        self.architecture = checkpoint.spec.architecture
        self.device = device
        self.precision = precision
        self.cleaning = checkpoint.spec.mask_cleaning
        self.model_version = f"efficientsam-{self.spec.name}-{weights_sha256[:_VERSION_DIGITS]}"
        encoder = hash_encoder(model)[:_IDENTITY_DIGITS]
        version = find_preprocessing_version(self.architecture)
        self.embedding_identity = f"{self.spec.name}-{encoder}-p{version}"
        self._use(model)

    def _use(self, model: EfficientSAM) -> None:
        self._model = model.to(self.device)
        self._model.set_precision(self.precision)
        self._prepared = PreparedImages(self._prepare, _PREPARED_IMAGES)

    def drop_encoder(self) -> None:
        """Free the image encoder, for a process that only decodes."""
        del self._model.image_encoder

    def with_decoder(self, content: bytes) -> "Predictor":
        """The same model with another decoder; this one is left as it is.

        Args:
            content: a decoder file (``write_decoder``).

        Returns:
            A predictor that shares the encoder, with a model version of its own.

        Raises:
            CheckpointError: the file is damaged, or its decoder reads other embeddings.
        """
        file = read_decoder(content)
        if file.embedding_identity != self.embedding_identity:
            raise CheckpointError(
                f"this decoder reads embeddings of {file.embedding_identity!r}, this model makes "
                f"those of {self.embedding_identity!r}; use it with the weights it was trained on"
            )
        decoder = build_decoder(self.architecture)
        try:
            decoder.load_state_dict(file.state)
        except RuntimeError as error:
            raise CheckpointError(f"not a decoder of {self.spec.name!r}: {error}") from error
        if self._model.has_encoder:
            decoder.image_encoder = self._model.image_encoder
        other = copy.copy(self)
        other.model_version = f"{self.model_version}-{file.sha256[:_VERSION_DIGITS]}"
        other._use(decoder.eval())
        return other

    def copy_decoder(self) -> EfficientSAM:
        """Prompt encoder and mask decoder in float32 on this device, free to be trained."""
        decoder = build_decoder(self.architecture)
        state = self._model.state_dict()
        decoder.load_state_dict({name: state[name] for name in decoder.state_dict()})
        return decoder.to(self.device)

    @overload
    def encode(self, rgb: NDArray[np.uint8]) -> ImageEmbedding: ...
    @overload
    def encode(self, rgb: Sequence[NDArray[np.uint8]]) -> list[ImageEmbedding]: ...

    def encode(
        self, rgb: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]
    ) -> ImageEmbedding | list[ImageEmbedding]:
        """Encode an image, or several in one batch.

        Args:
            rgb: (H, W, 3) uint8, or a list of such arrays of any sizes.

        Returns:
            One embedding, or a list of them in order.

        Raises:
            ImageError: an array is not (H, W, 3) uint8.
            OutOfMemory: fewer images at a time, or smaller ones, may fit.
            EfficientSAMError: the encoder was dropped.
        """
        images = [rgb] if isinstance(rgb, np.ndarray) else rgb
        with memory_errors_translated(f"encode {len(images)} image(s)"):
            embeddings = self._encode_batch(images)
        return embeddings[0] if isinstance(rgb, np.ndarray) else embeddings

    @torch.inference_mode()
    def _encode_batch(self, images: Sequence[NDArray[np.uint8]]) -> list[ImageEmbedding]:
        if not images:
            return []
        if not self._model.has_encoder:
            raise EfficientSAMError("this predictor only decodes: its image encoder was dropped")
        batch = torch.cat([to_model_input(i, self.architecture, self.device) for i in images])
        features = self._model.encode(batch)
        return [
            ImageEmbedding(f, (image.shape[0], image.shape[1]))
            for f, image in zip(features, images, strict=True)
        ]

    @overload
    def decode(self, embedding: ImageEmbedding, prompt: Prompt) -> MaskPrediction: ...
    @overload
    def decode(
        self, embedding: ImageEmbedding, prompt: Sequence[Prompt]
    ) -> list[MaskPrediction]: ...

    def decode(
        self, embedding: ImageEmbedding, prompt: Prompt | Sequence[Prompt]
    ) -> MaskPrediction | list[MaskPrediction]:
        """Predict the mask of one object, or of several in one pass.

        Args:
            embedding: the encoded image.
            prompt: points and box in original pixels, (x, y); or a list of them.

        Returns:
            One prediction, or a list of them in order.

        Raises:
            PromptError: a point or box lies outside the image.
            ImageError: the embedding belongs to another model.
            OutOfMemory: there is not enough memory for so many prompts.
        """
        prompts = [prompt] if isinstance(prompt, Prompt) else prompt
        (answers,) = self.decode_each([embedding], [prompts])
        return answers[0] if isinstance(prompt, Prompt) else answers

    def decode_each(
        self, embeddings: Sequence[ImageEmbedding], prompts: Sequence[Sequence[Prompt]]
    ) -> list[list[MaskPrediction]]:
        """Predict the masks of objects of several images, some of them in one pass.

        Args:
            embeddings: the encoded images.
            prompts: of each image, in its original pixels.

        Returns:
            For each image, one prediction a prompt; in order.

        Raises:
            PromptError: a point or box lies outside its image.
            ImageError: an embedding belongs to another model.
            OutOfMemory: there is not enough memory for so many prompts.
        """
        asked = [
            _Asked(embedding, prompt)
            for embedding, some in zip(embeddings, prompts, strict=True)
            for prompt in some
        ]
        with memory_errors_translated(f"decode {len(asked)} prompt(s)"):
            answers = iter(self._decode_prompts(asked))
        return [[next(answers) for _ in some] for some in prompts]

    def is_device_usable(self) -> bool:
        """Whether the device still computes; an accelerator that failed once may fail for good."""
        try:
            return torch.ones(1, device=self.device).sum().item() == 1
        except RuntimeError:
            return False

    def _decode_prompts(self, asked: Sequence["_Asked"]) -> list[MaskPrediction]:
        prompts = [one.prompt for one in asked]
        answers = [
            self._choose_candidate(answer, prompt)
            for answer, prompt in zip(self._find_candidates(asked), prompts, strict=True)
        ]
        # A click that an answer has wrong is decoded as a prompt of its own: what does it mean?
        wrong = [find_wrong_clicks(a, p) for a, p in zip(answers, prompts, strict=True)]
        own = [
            _Asked(one.embedding, make_own_prompt(one.prompt, i))
            for one, indices in zip(asked, wrong, strict=True)
            for i in indices
        ]
        claims = iter(
            choose_by_clicks(claim, one.prompt, claim.iou)
            for claim, one in zip(self._find_candidates(own), own, strict=True)
        )
        corrected = [
            apply_claims(answer, prompt, indices, [next(claims) for _ in indices])
            for answer, prompt, indices in zip(answers, prompts, wrong, strict=True)
        ]
        return [
            clean_answer(answer, prompt, self.cleaning)
            for answer, prompt in zip(corrected, prompts, strict=True)
        ]

    def _choose_candidate(self, answer: MaskPrediction, prompt: Prompt) -> MaskPrediction:
        if prompt.box is None or not self.spec.is_bounded_by_box:
            return choose_by_clicks(answer, prompt, answer.iou)
        preference = answer.iou.clip(0) * fit_to_box(answer, prompt.box)
        return bound_by_box(choose_by_clicks(answer, prompt, preference), prompt)

    def decode_candidates(
        self, embedding: ImageEmbedding, prompts: Sequence[Prompt]
    ) -> list[MaskPrediction]:
        """What the model itself says, all prompts in one pass: as published, no click obeyed.

        Args:
            embedding: the encoded image.
            prompts: box and positive points are read; negative points only by a model that was
                trained with them.

        Returns:
            One prediction a prompt, whose answer is the candidate of highest predicted IoU.

        Raises:
            PromptError: a point or box lies outside the image.
            ImageError: the embedding belongs to another model.
        """
        return self._find_candidates([_Asked(embedding, prompt) for prompt in prompts])

    @torch.inference_mode()
    def _find_candidates(self, asked: Sequence["_Asked"]) -> list[MaskPrediction]:
        for one in asked:
            one.prompt.check_inside(one.size_hw)
        a = self.architecture
        slots = [
            one.prompt.to_slots(one.size_hw, a.image_size, a.has_negative_points) for one in asked
        ]
        passes = [len(xy) for xy, _ in slots]
        if not passes:
            return []
        logits, iou = self._decode_slots(
            [one.embedding for one, count in zip(asked, passes, strict=True) for _ in range(count)],
            torch.from_numpy(np.concatenate([xy for xy, _ in slots])),
            torch.from_numpy(np.concatenate([labels for _, labels in slots])),
        )
        # The passes of one prompt see different points of the same object: their union is the
        # object, and it is as trustworthy as they are on average.
        return [
            MaskPrediction(
                low_res_logits=part_logits.max(axis=0),
                iou=part_iou.mean(axis=0),
                best=int(part_iou.mean(axis=0).argmax()),
                original_size_hw=one.size_hw,
            )
            for one, part_logits, part_iou in zip(
                asked,
                np.split(logits, np.cumsum(passes)[:-1]),
                np.split(iou, np.cumsum(passes)[:-1]),
                strict=True,
            )
        ]

    def _decode_slots(
        self, embeddings: Sequence[ImageEmbedding], points: Tensor, labels: Tensor
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(K, 6, 2) and (K, 6) on K embeddings → logits (K, 3, L, L) and IoU (K, 3)."""
        at_once = _PASSES_AT_ONCE
        if self.device.type == "cpu":
            a = self.architecture
            floats = a.grid**2 * a.embedding_channels
            at_once = min(at_once, max(1, _CPU_FLOATS_AT_ONCE // floats))
        side = 4 * self.architecture.grid
        logits = np.empty((len(embeddings), CANDIDATES, side, side), np.float32)
        iou = np.empty((len(embeddings), CANDIDATES), np.float32)
        for images, rows in group_passes(embeddings, at_once):
            by_image = (len(images), -1)
            part_logits, part_iou = self._model.decode(
                self._prepare_images(images),
                points[rows].unflatten(0, by_image),
                labels[rows].unflatten(0, by_image),
            )
            logits[rows] = part_logits.flatten(0, 1).float().cpu()
            iou[rows] = part_iou.flatten(0, 1).float().cpu()
        return logits, iou

    def _prepare_images(self, embeddings: Sequence[ImageEmbedding]) -> PreparedImage:
        """One is kept for its next prompt; several have each its own prompts with them."""
        if len(embeddings) == 1:
            return self._prepared.get(embeddings[0])
        return self._prepare(*embeddings)

    def _prepare(self, *embeddings: ImageEmbedding) -> PreparedImage:
        expected = self.architecture.embedding_shape
        for embedding in embeddings:
            if tuple(embedding.features.shape) != expected:
                raise ImageError(
                    f"an embedding of {self.spec.name!r} is {expected}, got "
                    f"{tuple(embedding.features.shape)}: it was made by another model"
                )
        features = [embedding.features.to(self.device) for embedding in embeddings]
        if len(features) == 1:
            return self._model.prepare(features[0][None])
        # Channels lie last in memory, as the encoder left them: joined so, they are not moved.
        joined = torch.stack([one.movedim(0, -1) for one in features])  # BxHxWxC
        return self._model.prepare(joined.movedim(-1, 1))


@dataclass(frozen=True, eq=False)
class _Asked:
    """A prompt and the image that it is about."""

    embedding: ImageEmbedding
    prompt: Prompt

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.embedding.original_size_hw

"""EfficientSAM as a library: arrays in, masks out."""

from .automatic_mask_config import AutomaticMaskConfig
from .automatic_masks import AutomaticMask, segment_everything
from .candidate_strip import draw_candidates
from .checkpoint import (
    WEIGHTS_FOLDER,
    Checkpoint,
    find_checkpoint,
    git_blob_sha1,
    load_model_file,
    save_checkpoint,
    verify_checkpoint,
)
from .close_look import (
    EmbedImage,
    EmbedTile,
    Look,
    PlacedPrediction,
    Seen,
    View,
    decode_closely,
    look_closely,
    predict_objects,
    run_look,
    run_looks,
)
from .decoder_file import DecoderFile, read_decoder, write_decoder
from .errors import (
    CheckpointError,
    DeviceError,
    EfficientSAMError,
    ExportError,
    ImageError,
    ImageTooLarge,
    OutOfMemory,
    PromptError,
    UnknownModelError,
)
from .image import MAX_PIXELS, find_image_size, read_image
from .loading import load_predictor
from .mask_cleaning_config import MaskCleaning
from .mask_prediction import MaskPrediction
from .model import EfficientSAM, build_decoder, build_model
from .onnx_export import OnnxExport, export_onnx
from .picture_grid import draw_grid, shrink_to_cell
from .precision import has_bfloat16_units
from .predictor import ImageEmbedding, Predictor
from .prompt import Prompt
from .registry import MODELS, Architecture, ModelSpec, find_model
from .tiles import ROOM_AROUND_GUESS, Tile, find_tile
from .visualization import draw_masks, draw_overlay, pick_colour

__all__ = [
    "MAX_PIXELS",
    "MODELS",
    "ROOM_AROUND_GUESS",
    "WEIGHTS_FOLDER",
    "Architecture",
    "AutomaticMask",
    "AutomaticMaskConfig",
    "Checkpoint",
    "CheckpointError",
    "DecoderFile",
    "DeviceError",
    "EfficientSAM",
    "EfficientSAMError",
    "EmbedImage",
    "EmbedTile",
    "ExportError",
    "ImageEmbedding",
    "ImageError",
    "ImageTooLarge",
    "Look",
    "MaskCleaning",
    "MaskPrediction",
    "ModelSpec",
    "OnnxExport",
    "OutOfMemory",
    "PlacedPrediction",
    "Predictor",
    "Prompt",
    "PromptError",
    "Seen",
    "Tile",
    "UnknownModelError",
    "View",
    "build_decoder",
    "build_model",
    "decode_closely",
    "draw_candidates",
    "draw_grid",
    "draw_masks",
    "draw_overlay",
    "export_onnx",
    "find_checkpoint",
    "find_image_size",
    "find_model",
    "find_tile",
    "git_blob_sha1",
    "has_bfloat16_units",
    "load_model_file",
    "load_predictor",
    "look_closely",
    "pick_colour",
    "predict_objects",
    "read_decoder",
    "read_image",
    "run_look",
    "run_looks",
    "save_checkpoint",
    "segment_everything",
    "shrink_to_cell",
    "verify_checkpoint",
    "write_decoder",
]

"""Everything this package raises on purpose.

EfficientSAMError
├── CheckpointError     a weights file is missing, damaged or of another architecture
├── DeviceError         the device or dtype cannot be used on this machine
├── ExportError         the model cannot be written in another form
├── ImageError          the bytes are not an image that can be read
│   └── ImageTooLarge       it has more pixels than the limit
├── OutOfMemory         the machine or its accelerator has not enough memory
├── PromptError         points or box are empty, malformed or outside the image
└── UnknownModelError   no such row in the registry
"""


class EfficientSAMError(Exception):
    """Root of this package's errors; the message says what, the value, and what to do."""


class CheckpointError(EfficientSAMError):
    """A weights file is missing, damaged, or belongs to another architecture."""


class DeviceError(EfficientSAMError):
    """The device or dtype asked for cannot be used on this machine."""


class ExportError(EfficientSAMError):
    """The model cannot be written in another form, or not with the same numbers."""


class ImageError(EfficientSAMError):
    """The bytes or the array are not an image that can be encoded."""


class ImageTooLarge(ImageError):
    """The image has more pixels than the caller's limit."""


class OutOfMemory(EfficientSAMError):
    """The machine, or its accelerator, has not enough memory for this."""


class PromptError(EfficientSAMError):
    """The prompt is empty, malformed, or lies outside the image."""


class UnknownModelError(EfficientSAMError):
    """The registry has no model of this name."""

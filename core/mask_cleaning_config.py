"""What is cleaned in an answer: specks, pinholes, parts that nobody clicked on."""

from dataclasses import dataclass

from .errors import EfficientSAMError


@dataclass(frozen=True)
class MaskCleaning:
    """What is cleaned in an answer; each model has its own in the registry.

    Attributes:
        min_part_share: specks and holes below this share of the mask's area go; 0 leaves them all.
        has_clicked_parts_only: whether, of a mask that was clicked without a box, only the parts
            stay that hold a positive point.
    """

    min_part_share: float = 0.0
    has_clicked_parts_only: bool = False

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            EfficientSAMError: the share is not one.
        """
        if not 0 <= self.min_part_share < 1:
            raise EfficientSAMError(
                f"min_part_share is a share from 0 to below 1, got {self.min_part_share}"
            )

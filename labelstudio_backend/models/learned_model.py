"""What is known of a decoder that was learned from a project; all of it stands in its file."""

from pydantic import BaseModel, ConfigDict, ValidationError

from core import CheckpointError, DecoderFile, read_decoder

_NOTE = "model"
_VERSION_DIGITS = 8


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class PromptFigures(_Record):
    """Mean IoU of one kind of prompt on the held-out images.

    Attributes:
        prompt: such as ``1 click``.
        before: with the decoder that was in use then.
        after: with this one.
    """

    prompt: str
    before: float
    after: float


class Lesson(_Record):
    """What a decoder was learned from, and what it was worth there.

    Attributes:
        base_version: of the model that it belongs to.
        project: ``"<id>.<unix time of creation>"``.
        project_title: its title then.
        label_studio_url: where that is, for people.
        run: id of the run that learned it.
        created_at: unix time, when that run was started.
        masks: accepted masks that were used.
        images: that they lie on.
        figures: by kind of prompt.
    """

    base_version: str
    project: str
    project_title: str
    label_studio_url: str
    run: str
    created_at: float
    masks: int
    images: int
    figures: tuple[PromptFigures, ...]

    def to_notes(self) -> dict[str, str]:
        """As notes of a decoder file."""
        return {_NOTE: self.model_dump_json()}


class LearnedModel(_Record):
    """A decoder that was learned.

    Attributes:
        version: the model version of its predictions.
        embedding_identity: of the embeddings that it reads.
        sha256: of its file.
        size_bytes: of its file.
        lesson: where it comes from.
    """

    version: str
    embedding_identity: str
    sha256: str
    size_bytes: int
    lesson: Lesson


def describe_decoder(content: bytes) -> LearnedModel:
    """What a decoder file says of itself.

    Raises:
        CheckpointError: it is damaged, or no file of a project's decoder.
    """
    file: DecoderFile = read_decoder(content)
    try:
        lesson = Lesson.model_validate_json(file.notes.get(_NOTE, ""))
    except ValidationError as error:
        raise CheckpointError("the decoder file does not say what it was learned from") from error
    return LearnedModel(
        version=f"{lesson.base_version}-{file.sha256[:_VERSION_DIGITS]}",
        embedding_identity=file.embedding_identity,
        sha256=file.sha256,
        size_bytes=len(content),
        lesson=lesson,
    )

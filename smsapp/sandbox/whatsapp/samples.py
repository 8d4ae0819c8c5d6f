"""What a customer can send beside words: a picture, a voice note, a place; always the same."""

from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "static"


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing that is no text.

    Attributes:
        message_type: Twilio's MessageType.
        words: What a person calls it.
        body: The caption that goes with it.
        file: In static/; None has no media.
        content_type: Of the file.
        fields: What the webhook has beside the usual, in Twilio's order.
        by_mms: Whether it can be sent without WhatsApp, too.
    """

    message_type: str
    words: str
    body: str = ""
    file: str | None = None
    content_type: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    by_mms: bool = False

    def read(self) -> bytes:
        """Return the file's bytes; none where it has no file."""
        return (FOLDER / self.file).read_bytes() if self.file else b""


SAMPLES = {
    "picture": Sample(
        "image", "Picture", "My parcel", "sandbox-picture.jpg", "image/jpeg", by_mms=True
    ),
    "voice": Sample("audio", "Voice note", "", "sandbox-voice.ogg", "audio/ogg"),
    # Twilio's own example, so that it is nobody's home.
    "location": Sample(
        "location",
        "Location",
        fields={
            "Latitude": "51.51322977399644",
            "Longitude": "-0.2197976373036567",
            "Address": "187 Freston Road, London, Greater London W10 6TH",
            "Label": "The Harrow Club",
        },
    ),
}

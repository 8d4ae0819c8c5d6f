"""What files that people send are called, and how large they are, in words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file that is handed on: what people call it, and how its name ends."""

    title: str
    extension: str


# What people send of themselves, and nothing that a browser or an office program would run.
TYPES = {
    "image/jpeg": FileType("Picture", "jpg"),
    "image/png": FileType("Picture", "png"),
    "image/gif": FileType("Picture", "gif"),
    "image/webp": FileType("Picture or sticker", "webp"),
    "image/heic": FileType("Picture", "heic"),
    "audio/ogg": FileType("Voice note", "ogg"),
    "audio/amr": FileType("Voice note", "amr"),
    "audio/mpeg": FileType("Recording", "mp3"),
    "audio/mp4": FileType("Recording", "m4a"),
    "audio/aac": FileType("Recording", "aac"),
    "audio/3gpp": FileType("Recording", "3gp"),
    "video/mp4": FileType("Video", "mp4"),
    "video/3gpp": FileType("Video", "3gp"),
    "application/pdf": FileType("PDF document", "pdf"),
    "text/vcard": FileType("Contact", "vcf"),
    "text/x-vcard": FileType("Contact", "vcf"),
}

_UNITS = ((1_000_000, "MB"), (1_000, "kB"))


def plain(content_type: str) -> str:
    """Return a type in lower case without its parameters: "audio/ogg"."""
    return content_type.partition(";")[0].strip().lower()


def title(content_type: str) -> str:
    """Return what a file is called."""
    known = TYPES.get(plain(content_type))
    return known.title if known else "A file of another kind"


def may_be_fetched(content_type: str) -> bool:
    """Whether a file of this type is handed on."""
    return plain(content_type) in TYPES


def size(count: int | None) -> str:
    """Return how large a file is: "2.8 kB", "14 MB"; of nobody knows yet."""
    if count is None:
        return "size not known"
    for unit, name in _UNITS:
        # From where it would be rounded up to a whole of this unit.
        if count >= unit * 0.9995:
            return f"{count / unit:.{1 if count < unit * 9.95 else 0}f} {name}"
    return f"{count} {'byte' if count == 1 else 'bytes'}"

"""What was found when a batch was looked through, in figures that name nobody."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from smsapp.phone import country
from smsapp.segments import count

# So many faults and warnings are shown; all faults stand in the results.
SHOWN = 20


@dataclass
class Report:
    """Figures of a batch.

    Attributes:
        rows: How many it has.
        would_send: How many of them would be sent if it was started now.
        faulty: How many have faults; they are left out.
        repeated: How many say the same to the same number as a row before them.
        duplicates: How many events came before.
        again: How many are another text to a number that a row before them is to.
        refused: Who may not be written to, by the reason.
        segments: Of all texts that would be sent.
        sizes: How many of the texts take how many segments.
        encodings: How many of the texts are in which.
        countries: To where they are, by ISO 3166.
        warnings: Sentences about the texts, and of how many each is true.
        faults: The first faults: {"row", "column", "message"}.
        ignored: Columns that nothing is made of.
        samples: The numbers of rows to show: the first, the longest, one from the middle.
    """

    rows: int = 0
    would_send: int = 0
    faulty: int = 0
    repeated: int = 0
    duplicates: int = 0
    again: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    segments: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    countries: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    faults: list[dict[str, Any]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    _longest: int = field(default=0, repr=False)

    def note_faults(self, number: int, faults: dict[str, list[str]]) -> None:
        """Count a row with faults."""
        self.faulty += 1
        for column, said in faults.items():
            for message in said:
                if len(self.faults) < SHOWN:
                    self.faults.append({"row": number, "column": column, "message": message})

    def note_text(self, number: int, body: str, e164: str, warnings: list[str]) -> int:
        """Count a text that would be sent; return how many segments it takes."""
        size = count(body)
        self.would_send += 1
        self.segments += size.segments
        self.sizes[str(size.segments)] += 1
        self.encodings[size.encoding] += 1
        self.countries[country(e164)] += 1
        for warning in warnings:
            if warning in self.warnings or len(self.warnings) < SHOWN:
                self.warnings[warning] += 1
        self._sample(number, size.units)
        return size.segments

    def _sample(self, number: int, units: int) -> None:
        # The first, the longest, and the last that doubled the count: it is about the middle.
        if not self.samples:
            self.samples = [number, number, number]
        if units > self._longest:
            self._longest, self.samples[1] = units, number
        if self.would_send & (self.would_send - 1) == 0:
            self.samples[2] = number

    def as_json(self) -> dict[str, Any]:
        """Return it as it stands in the batch's row."""
        columns = {name: value for name, value in vars(self).items() if name != "_longest"}
        return columns | {"samples": list(dict.fromkeys(self.samples))}

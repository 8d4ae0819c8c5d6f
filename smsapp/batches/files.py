"""Reading what is handed in: CSV with a header, or a JSON object a line. Nothing is guessed.

A file is gone through twice: first to see that it can be read to its end, so that nothing is half
done, and then row by row.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from smsapp import field_words
from smsapp.errors import InvalidRequest
from smsapp.field_words import plain

MAX_ROWS = 100_000
MAX_BYTES = 32 * 1024 * 1024
METADATA = "metadata."
WHOLE_ROW = "row"

_PACKED = {
    b"PK\x03\x04": "This is a zip archive or an Excel file: save the sheet as “CSV UTF-8”.",
    b"\x1f\x8b": "This is packed with gzip: unpack it first.",
    b"\xd0\xcf\x11\xe0": "This is an old Excel file: save the sheet as “CSV UTF-8”.",
}
_UTF16_NAME = "utf-16"
_UTF8, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ",;\t"
# What is seen of neither end of a cell.
_UNSEEN = " \t\r\n\v\f\u00a0\u200b\u2060\ufeff"
# 15005550010, as a spreadsheet shows it that takes it for a sum.
_ROUNDED = re.compile(r"\+?\d([.,]\d+)?E\+?\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read.

    Attributes:
        number: Its number in a spreadsheet, where the header is 1; or its line of JSON.
        cells: What is given, by the names of our fields; what is empty is missing.
        faults: What is wrong with it already, by column.
    """

    number: int
    cells: dict[str, Any]
    faults: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """A file that can be read to its end.

    Attributes:
        rows: How many it has.
        ignored: Columns of the header that nothing is made of, and of which nothing is kept.
    """

    rows: int
    ignored: list[str]
    _file: BinaryIO
    _encoding: str
    _delimiter: str | None
    _names: list[str | None]
    _header: list[str]

    def __iter__(self) -> Iterator[Row]:
        """Yield its rows, without those that are blank."""
        if self._delimiter is None:
            yield from _json_rows(self._file, self._encoding)
            return
        reader = csv.reader(_text(self._file, self._encoding), delimiter=self._delimiter)
        for number, cells in enumerate(reader, 1):
            if number > 1 and any(cells):
                row = self._row(number, [cell.strip(_UNSEEN) for cell in cells])
                if row.cells or row.faults:
                    yield row

    def _row(self, number: int, cells: list[str]) -> Row:
        found: dict[str, Any] = {}
        faults: dict[str, list[str]] = {}
        for name, cell in zip(self._names, cells, strict=False):
            if not (name and cell):
                continue
            if name.startswith(METADATA):
                found.setdefault("metadata", {})[name.removeprefix(METADATA)] = cell
            else:
                found[name] = cell
        if any(cells[len(self._names) :]):
            faults[WHOLE_ROW] = ["has more cells than the header: is a comma without quotes in it?"]
        for name in _LISTS & found.keys():
            found[name] = found[name].split()
        if _ROUNDED.fullmatch(found.get("phone", "")):
            faults["phone"] = [
                "was rounded by a spreadsheet: make the column text, and put the numbers in again"
            ]
        return Row(number, found, faults)


# Fields that are lists; in a cell with blanks between.
_LISTS = {"channels", "remindBefore"}


def read(file: BinaryIO, known: Sequence[str], needed: Sequence[str], gaps: Sequence[str]) -> Table:
    """Go through a file and return it, to be read row by row.

    Args:
        file: It; it can be gone through from the start again.
        known: The names of our fields.
        needed: Those that every row must have.
        gaps: What the text has gaps for; columns too.

    Raises:
        InvalidRequest: It cannot be read, with all that is wrong.
    """
    encoding = _encoding(file)
    first = next((line for line in _text(file, encoding) if line.strip(_UNSEEN)), "")
    start = first.lstrip(_UNSEEN)[:1]
    if not start:
        raise _bad("is empty")
    if start == "[":
        raise _bad("is one JSON array: write one object a line instead")
    if start == "{":
        count = _count(_json_rows(file, encoding))
        return Table(count, [], file, encoding, None, [], [])
    delimiter = _delimiter(first)
    try:
        reader = csv.reader(_text(file, encoding), delimiter=delimiter, strict=True)
        header = [cell.strip(_UNSEEN) for cell in next(reader)]
        names, ignored = _columns(header, known, needed, gaps)
        count = _count(cells for cells in reader if any(cell.strip(_UNSEEN) for cell in cells))
    except csv.Error as error:
        where = f"cannot be read from line {reader.line_num} on"
        why = "a cell is too long" if "field larger" in str(error) else "its quotes do not fit"
        raise _bad(f"{where}: {why}") from None
    if not count:
        raise _bad("has a header and no row")
    return Table(count, ignored, file, encoding, delimiter, names, header)


def _bad(*faults: str) -> InvalidRequest:
    return InvalidRequest(extra={"details": {"formErrors": [], "fieldErrors": {"file": [*faults]}}})


def _count(rows: Iterator[Any]) -> int:
    count = 0
    for _ in rows:
        count += 1
        if count > MAX_ROWS:
            raise _bad(f"has more than {MAX_ROWS:,} rows: hand it in as several batches")
    return count


def _text(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Yield a file's lines from its start, their ends as they are."""
    file.seek(0)
    if encoding == _UTF16_NAME:
        yield from io.StringIO(file.read().decode(encoding), newline="")
        return
    for line in file:
        yield line.decode(encoding)


def _encoding(file: BinaryIO) -> str:
    """Return what a file's bytes mean, once it is certain that all of them do."""
    file.seek(0)
    start = file.read(4)
    for magic, fault in _PACKED.items():
        if start.startswith(magic):
            raise _bad(fault)
    if start.startswith(_UTF16):
        encoding, hint = _UTF16_NAME, "begins as UTF-16 and is none"
        try:
            if any("\0" in line for line in _text(file, encoding)):
                raise _bad("holds a NUL, which is no text")
        except UnicodeError:
            raise _bad(hint) from None
        return encoding
    file.seek(0)
    at = 0
    for number, line in enumerate(file, 1):
        if b"\0" in line:
            raise _bad(f"holds a NUL in line {number}, which is no text")
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise _bad(
                f"is not UTF-8: its byte {at + error.start + 1}, in line {number}, is none."
                " Save it as “CSV UTF-8”; a guess would make other letters of some names"
            ) from None
        at += len(line)
    return "utf-8-sig" if start.startswith(_UTF8) else "utf-8"


def _delimiter(header: str) -> str:
    """Return what stands between the header's cells: Excel writes a semicolon in many countries."""
    outside_quotes = re.sub(r'"[^"]*"', "", header)
    return max(_DELIMITERS, key=outside_quotes.count)


def _columns(
    header: list[str], known: Sequence[str], needed: Sequence[str], gaps: Sequence[str]
) -> tuple[list[str | None], list[str]]:
    """Return which of our names each column has, and those columns that have none."""
    by_plain = {plain(name): name for name in (*gaps, *known)}
    names: list[str | None] = []
    ignored, faults = [], []
    for number, title in enumerate(header):
        if title.lower().startswith(METADATA):
            names.append(METADATA + title[len(METADATA) :])
            continue
        name = by_plain.get(plain(title)) if plain(title) else by_plain.get(title)
        names.append(name)
        if title and name is None:
            ignored.append(title)
        if name and name in names[:-1]:
            first = _letters(names.index(name))
            faults.append(f"has the column “{name}” twice: {first} and {_letters(number)}")
    given = [name for name in names if name]
    slips = field_words.misspelt(known, [*given, *ignored])
    hints = {said[0].split()[-1].rstrip("?"): title for title, said in slips.items()}
    for name in [*needed, *gaps]:
        if name not in given:
            hint = f"; is “{hints[name]}” meant for it?" if name in hints else ""
            faults.append(f"has no column “{name}”{hint}")
    faults += [
        f"has a column “{title}”: did you mean {name}?"
        for name, title in hints.items()
        if name not in needed
    ]
    if faults:
        raise _bad(*faults)
    return names, ignored


def _letters(column: int) -> str:
    """Return what a spreadsheet calls a column: A for the first."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _json_rows(file: BinaryIO, encoding: str) -> Iterator[Row]:
    for number, line in enumerate(_text(file, encoding), 1):
        if not line.strip(_UNSEEN):
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError):
            yield Row(number, {}, {WHOLE_ROW: ["is not JSON"]})
            continue
        if isinstance(cells, dict):
            yield Row(number, {k: v for k, v in cells.items() if v is not None})
        else:
            yield Row(number, {}, {WHOLE_ROW: ["must be a JSON object"]})

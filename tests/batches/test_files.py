"""Every file is read as what it is, or refused with all that is wrong: nothing is guessed."""

import gzip
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.batches import files, judging
from smsapp.batches.files import MAX_ROWS
from smsapp.errors import InvalidRequest
from smsapp.models import Batch
from tests.batches.conftest import as_file, by_command, draft, kept, ready
from tests.conftest import on_one_database

pytestmark = on_one_database

HEADER = "phone,orderId,place,consentAt\n"
ROW = "+12025550001,1,Hill Street 1,2026-06-02T09:00:00Z\n"


def faults_of(content, **more):
    with pytest.raises(InvalidRequest) as refused:
        judging.hand_in(draft(**more), as_file(content), by_command())
    assert kept(Batch) == []  # nothing is half done
    return refused.value.extra["details"]["fieldErrors"]["file"]


def found_in(content, **more):
    return judging.judge(draft(**more), as_file(content))


def packed():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as inside:
        inside.writestr("rows.csv", HEADER + ROW)
    return archive.getvalue()


UNREADABLE = {
    "Latin-1": (
        (HEADER + ROW).replace("Hill", "Hügel").encode("latin-1"),
        "is not UTF-8: its byte",
    ),
    "a zip": (packed(), "This is a zip archive"),
    "gzip": (gzip.compress(b"x"), "packed with gzip"),
    "a NUL": ((HEADER + ROW).replace("Hill", "Hi\0ll"), "holds a NUL in line 2"),
    "nothing": ("", "is empty"),
    "blank lines": ("\n \n", "is empty"),
    "a header alone": (HEADER, "has a header and no row"),
    "a JSON array": ('[{"phone": "+12025550001"}]', "write one object a line"),
    "a column that is missing": (
        "phone,place\n+12025550001,x\n",
        "has no column “orderId”",
    ),
    "a column that is misspelt": (
        "phone,orderNo,orderIds,place\n+12025550001,1,1,x\n",
        "has no column “orderId”; is “orderIds” meant for it?",
    ),
    "a doubled column": (
        "phone,orderId,place,Order ID\n+12025550001,1,x,2\n",
        "has the column “orderId” twice: B and D",
    ),
    "a quote that does not end": (HEADER + '+12025550001,1,"Hill\n' + ROW, "its quotes do not fit"),
    "a huge cell": (HEADER + "x" * 200_000 + "\n", "a cell is too long"),
    "too many rows": (HEADER + "1\n" * (MAX_ROWS + 1), "has more than 100,000 rows"),
    "broken UTF-16": (b"\xff\xfea", "begins as UTF-16"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_refused_whole_and_says_why(in_app, what):
    content, said = UNREADABLE[what]
    assert any(said in fault for fault in faults_of(content))


def test_the_byte_that_is_not_utf_8_is_named(in_app):
    content = HEADER.encode() + b"+12025550001,1,H\xfcgel,\n"
    (fault,) = faults_of(content)
    at = content.index(0xFC) + 1
    assert f"its byte {at}, in line 2" in fault


READABLE = {
    "a byte order mark": ("\ufeff" + HEADER + ROW).encode(),
    "UTF-16": (HEADER + ROW).encode("utf-16"),
    "semicolons": (HEADER + ROW).replace(",", ";"),
    "tabs": (HEADER + ROW).replace(",", "\t"),
    "CRLF": (HEADER + ROW).replace("\n", "\r\n"),
    "quotes": HEADER + '"+12025550001","1","Hill Street 1","2026-06-02T09:00:00Z"\n',
    "names as people write them": "Phone;Order ID;place;consent_at\n" + ROW.replace(",", ";"),
    "blanks that nobody sees": HEADER + ROW.replace(",1,", ",\u00a01\u200b ,"),
    "empty lines": HEADER + "\n" + ROW + "\n,,,\n",
    "no end of line": HEADER + ROW.rstrip(),
    "JSON lines": '\n{"phone": "+12025550001", "orderId": "1", "place": "Hill Street 1",'
    ' "consentAt": "2026-06-02T09:00:00Z", "trackingUrl": null}\n',
}


@pytest.mark.parametrize("what", READABLE)
def test_what_can_be_read_for_certain_is(in_app, what):
    report = found_in(READABLE[what])
    assert (report.rows, report.would_send, report.faults) == (1, 1, [])


def test_a_row_has_the_number_that_a_spreadsheet_shows(in_app):
    content = HEADER + ROW + "\n" + '+1,2,"Hill\nStreet",\n' + ROW.replace("1", "x", 1)
    assert [fault["row"] for fault in found_in(content).faults] == [4, 4, 5]


def test_all_faults_are_told_by_row_and_column_and_none_repeats_what_stood_there(in_app):
    content = (
        HEADER + "+1,," + "x" * 81 + ",yesterday\n" + "1.5E+10,2,y,\n" + ROW.strip() + ",more\n"
    )
    report = found_in(content)
    told = {(fault["row"], fault["column"]) for fault in report.faults}
    assert told == {
        *((2, name) for name in ("phone", "orderId", "place", "consentAt")),
        (3, "phone"),
        (4, "row"),
    }
    assert report.faulty == 3
    assert "rounded by a spreadsheet" in str(report.faults)
    assert "yesterday" not in str(report.faults)
    assert "1.5E" not in str(report.faults)


def test_columns_that_nothing_is_made_of_are_named_and_not_kept(in_app):
    report = found_in(HEADER.strip() + ",birthday,email\n" + ROW.strip() + ",1970-01-01,a@b.c\n")
    assert report.ignored == ["birthday", "email"]


def test_metadata_has_a_column_for_each_name(in_app):
    table = draft().table(as_file(HEADER.strip() + ",metadata.cart\n" + ROW.strip() + ",77\n"))
    assert next(iter(table)).cells["metadata"] == {"cart": "77"}


def test_a_line_that_is_no_json_object_is_a_row_with_a_fault(in_app):
    line = '{"phone": "+12025550001", "orderId": "1", "place": "x", "consent_at": "y"}\n'
    report = found_in(line + "{oops\n" + "[1]\n")
    assert [(f["row"], f["column"], f["message"]) for f in report.faults] == [
        (1, "consent_at", "did you mean consentAt?"),
        (2, "row", "is not JSON"),
        (3, "row", "must be a JSON object"),
    ]


@given(st.binary(max_size=300))
def test_whatever_is_handed_in_is_read_or_refused_in_words(content):
    try:
        table = files.read(io.BytesIO(content), ["phone"], ["phone"], [])
    except InvalidRequest as refused:
        assert refused.extra["details"]["fieldErrors"]["file"]
    else:
        assert len(list(table)) <= table.rows


def test_the_same_text_in_another_row_is_sent_once_and_another_text_is_counted(in_app):
    rows = ready(3) + ROW + ROW.replace("Hill", "Lake")
    report = found_in(rows)
    assert (report.would_send, report.repeated, report.again) == (4, 1, 1)

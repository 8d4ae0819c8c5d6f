"""Batches: many events handed in at once, and what became of each of their rows."""

import io
import uuid
from typing import Annotated, Any, BinaryIO, cast

from flask import Blueprint, Response, g, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from smsapp import field_words
from smsapp.api_keys import Scope
from smsapp.batches import acts, judging, progress
from smsapp.batches.draft import Draft
from smsapp.batches.files import MAX_BYTES
from smsapp.batches.handing_in import By
from smsapp.batches.progress import Progress
from smsapp.errors import (
    BatchBusy,
    BatchHasFaults,
    BatchNameTaken,
    BatchNotInState,
    BatchRepeated,
    FourEyes,
    InvalidRequest,
    NotFound,
    UnsupportedMediaType,
)
from smsapp.extensions import csrf
from smsapp.models import BatchState
from smsapp.web import guards
from smsapp.web.api.answers import BatchAnswer, BatchReport, JudgedBatch
from smsapp.web.api.parsing import details, parse_query, true_or_false
from smsapp.web.operations import Operation, told

bp = Blueprint("api_batches", __name__, url_prefix="/api/batches")
csrf.exempt(bp)  # a key in a header is nothing that a foreign page could make a browser send

FORM, CSV = "multipart/form-data", "text/csv"
# The fields beside the file.
MAX_FORM_BYTES = 64 * 1024


class HandedIn(Draft):
    """A batch: what it is, and its rows."""

    file: Annotated[
        str,
        Field(
            description="Its rows, in UTF-8: CSV with a header of field names, or a JSON object a "
            "line; 100,000 rows and 32 MiB at most. Nothing of the file is kept but its rows.",
            examples=[
                "phone,orderId,place,consentAt\n+12025550123,1001,Hill Street 1,"
                "2026-06-02T09:00:00Z\n"
            ],
            json_schema_extra={"format": "binary"},
        ),
    ]


class AskedOfBatch(BaseModel):
    """The parameters of a batch that is handed in."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    dry_run: Annotated[
        bool,
        Field(
            alias="dryRun",
            description="With true nothing is kept: the answer, 200, says what would become of "
            "the rows.",
        ),
        BeforeValidator(true_or_false),
    ] = False


class StartOfBatch(BaseModel):
    """How a batch is started."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    skip_faulty: Annotated[
        bool,
        Field(
            alias="skipFaulty",
            description="With true rows with faults are left out; else they keep all from being "
            "sent.",
        ),
        BeforeValidator(true_or_false),
    ] = False


@bp.post("")
@guards.takes(MAX_BYTES)
@guards.api_key(Scope.BATCH)
@told(
    Operation(
        {200: (BatchAnswer, JudgedBatch), 201: (BatchAnswer,)},
        (BatchNameTaken, BatchRepeated, BatchBusy),
        HandedIn,
        AskedOfBatch,
        media=FORM,
    )
)
def hand_in_batch() -> ResponseReturnValue:
    """Hand in a batch and tell what was found in it; nothing is sent before it is started.

    The same file again under the same name is the same batch. Each row is an event of the kind,
    with the fields of that as columns; where it has no eventId, that is made of the batch's name
    and the row's number.
    """
    asked = parse_query(AskedOfBatch)
    draft, file = parse_form()
    if asked.dry_run:
        return cast(dict[str, Any], JudgedBatch(report=_report(vars(judging.judge(draft, file)))))
    batch_id, came_before = judging.hand_in(draft, file, by())
    location = {"Location": url_for("api_batches.get_batch", batch_id=batch_id)}
    return _told(batch_id), 200 if came_before else 201, location


@bp.get("/<uuid:batch_id>")
@guards.api_key(Scope.BATCH)
@told(Operation({200: (BatchAnswer,)}, (NotFound,)))
def get_batch(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Tell how a batch stands."""
    return _told(batch_id)


@bp.get("/<uuid:batch_id>/results")
@guards.api_key(Scope.BATCH)
@told(Operation({200: (str,)}, (NotFound,), text=CSV))
def get_batch_results(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Tell what became of each row so far, as CSV; numbers are masked."""
    return csv_of(batch_id)


@bp.post("/<uuid:batch_id>/start")
@guards.api_key(Scope.BATCH)
@told(
    Operation(
        {200: (BatchAnswer,)},
        (NotFound, BatchNotInState, BatchHasFaults, FourEyes),
        query=StartOfBatch,
    )
)
def start_batch(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Let a batch be sent; again changes nothing."""
    acts.start(batch_id, by(), skip_faulty=parse_query(StartOfBatch).skip_faulty)
    return _told(batch_id)


@bp.post("/<uuid:batch_id>/pause")
@guards.api_key(Scope.BATCH)
@told(Operation({200: (BatchAnswer,)}, (NotFound, BatchNotInState)))
def pause_batch(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Let nothing more of a batch leave until it is resumed."""
    acts.pause(batch_id, by())
    return _told(batch_id)


@bp.post("/<uuid:batch_id>/resume")
@guards.api_key(Scope.BATCH)
@told(Operation({200: (BatchAnswer,)}, (NotFound, BatchNotInState)))
def resume_batch(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Let a paused batch go on."""
    acts.resume(batch_id, by())
    return _told(batch_id)


@bp.post("/<uuid:batch_id>/cancel")
@guards.api_key(Scope.BATCH)
@told(Operation({200: (BatchAnswer,)}, (NotFound, BatchNotInState)))
def cancel_batch(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Let nothing more of a batch leave, for good; what has left has left."""
    acts.cancel(batch_id, by())
    return _told(batch_id)


def by() -> By:
    """Return the service that calls."""
    return By(g.caller.name, api_key_id=g.caller.id)


def parse_form() -> tuple[Draft, BinaryIO]:
    """Return the batch that a form describes, and its file.

    Raises:
        UnsupportedMediaType: It is not sent as a form.
        InvalidRequest: With all faults by field.
    """
    if request.mimetype != FORM:
        raise UnsupportedMediaType("Send the batch as a form (multipart/form-data) with a file.")
    request.max_form_memory_size = MAX_FORM_BYTES
    given = {name: value for name, value in request.form.items() if value != ""}
    # A few rows may as well be pasted into a command.
    pasted, file = given.pop("file", None), request.files.get("file")
    stream = file.stream if file else io.BytesIO((pasted or "").encode())
    faults = {} if file or pasted else {"file": ["must be given"]}
    try:
        draft = Draft.model_validate(given)
    except ValidationError as error:
        fields, form = field_words.faults(Draft, error, given)
        raise InvalidRequest(extra=details(fields | faults, form)) from None
    if faults:
        raise InvalidRequest(extra=details(faults))
    return draft, cast(BinaryIO, stream)


def csv_of(batch_id: uuid.UUID) -> Response:
    """Return what became of each row of a batch, line by line."""
    lines = stream_with_context(progress.results(batch_id))
    return Response(lines, content_type=f"{CSV}; charset=utf-8")


def _told(batch_id: uuid.UUID) -> dict[str, Any]:
    return cast(dict[str, Any], _answer(progress.of(batch_id)))


def _answer(stands: Progress) -> BatchAnswer:
    batch = stands.batch
    return {
        "batchId": str(batch.id),
        "name": batch.name,
        "kind": batch.kind,
        "purpose": batch.purpose,
        "status": batch.state,
        "needsOperator": batch.state is BatchState.READY and acts.needs_another(batch, by()),
        "rows": {str(state): count for state, count in stands.rows.items()},
        "deliveries": {str(state): count for state, count in stands.deliveries.items()},
        "secondsLeft": stands.seconds_left,
        "report": batch.report and _report(batch.report),
        "deeds": [
            {"act": deed.act, "at": deed.at.isoformat(), "by": deed.by} for deed in stands.deeds
        ],
    }


def _report(found: dict[str, Any]) -> BatchReport:
    return {
        "rows": found["rows"],
        "wouldSend": found["would_send"],
        "faulty": found["faulty"],
        "repeated": found["repeated"],
        "duplicates": found["duplicates"],
        "sameNumber": found["again"],
        "refused": found["refused"],
        "segments": found["segments"],
        "sizes": found["sizes"],
        "encodings": found["encodings"],
        "countries": found["countries"],
        "warnings": found["warnings"],
        "faults": found["faults"],
        "ignored": found["ignored"],
    }

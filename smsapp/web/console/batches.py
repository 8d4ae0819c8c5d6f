"""Batches in the console: handed in, looked at, started by somebody else, watched."""

import uuid
from collections.abc import Callable

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from smsapp.batches import acts, judging, progress
from smsapp.batches.draft import ABOUT, kinds_of_batches
from smsapp.batches.files import MAX_BYTES
from smsapp.batches.handing_in import By
from smsapp.errors import InvalidRequest, NotFound, SmsappError
from smsapp.events import kinds
from smsapp.events.announcement import ANNOUNCEMENT
from smsapp.models import BatchState
from smsapp.web import guards
from smsapp.web.api.batches import csv_of, parse_form
from smsapp.web.console import shell

bp = shell.blueprint("console_batches")

# How often the page of a batch that runs is fetched again, without JavaScript.
SECONDS = 5


@bp.get("/batches")
@shell.looks
def batches() -> ResponseReturnValue:
    """List the newest batches, and offer to hand one in."""
    return _page()


@bp.post("/batches")
@guards.takes(MAX_BYTES)
@shell.acts
def hand_in() -> ResponseReturnValue:
    """Hand in a batch and show what was found in it."""
    try:
        draft, file = parse_form()
        batch_id, came_before = judging.hand_in(draft, file, _by())
    except InvalidRequest as error:
        return _page(error.extra["details"]["fieldErrors"]), 400
    except SmsappError as error:
        return _page({"name": [error.text]}), error.status
    if came_before:
        flash("It was handed in before.")
    return redirect(url_for(".show", batch_id=batch_id), 303)


@bp.get("/batches/<uuid:batch_id>")
@shell.looks
def show(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Show what was found in a batch, how it does, and what can be done."""
    stands = progress.of(batch_id)
    batch = stands.batch
    return render_template(
        "console/batch.html",
        stands=stands,
        batch=batch,
        samples=progress.samples(batch) if batch.state is BatchState.READY else [],
        needs_another=acts.needs_another(batch, _by()),
        refresh=SECONDS if batch.state in {BatchState.RUNNING, BatchState.CHECKING} else None,
        row_words=progress.WORDS,
    )


@bp.get("/batches/<uuid:batch_id>/results.csv")
@shell.looks
def results(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Hand out what became of each row so far."""
    answer = csv_of(batch_id)
    answer.headers["Content-Disposition"] = "attachment; filename=results.csv"
    return answer


@bp.post("/batches/<uuid:batch_id>/start")
@shell.acts
def start(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Let a batch be sent."""
    skip_faulty = request.form.get("skip") == "yes"
    return _done(lambda: acts.start(batch_id, _by(), skip_faulty=skip_faulty), "It is started.")


@bp.post("/batches/<uuid:batch_id>/pause")
@shell.acts
def pause(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Let nothing more of a batch leave until it is resumed."""
    return _done(lambda: acts.pause(batch_id, _by()), "It is paused: nothing more of it leaves.")


@bp.post("/batches/<uuid:batch_id>/resume")
@shell.acts
def resume(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Let a paused batch go on."""
    return _done(lambda: acts.resume(batch_id, _by()), "It goes on.")


@bp.post("/batches/<uuid:batch_id>/cancel")
@shell.acts
def cancel(batch_id: uuid.UUID) -> ResponseReturnValue:
    """Let nothing more of a batch leave, for good."""
    return _done(lambda: acts.cancel(batch_id, _by()), "It is canceled. What had left has left.")


def _done(act: Callable[[], None], sentence: str) -> ResponseReturnValue:
    try:
        act()
    except NotFound:
        raise
    except SmsappError as error:
        return shell.done(error.text, "fault")
    return shell.done(sentence)


def _by() -> By:
    return By(g.operator.name, operator_id=g.operator.id)


def _page(faults: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "console/batches.html",
        batches=progress.recent(),
        faults=faults or {},
        given=request.form,
        kind_titles={name: kinds.title(name) for name in kinds_of_batches()},
        announcement=ANNOUNCEMENT.name,
        purposes=ABOUT,
    )

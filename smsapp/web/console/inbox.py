"""The inbox: what people wrote to us."""

from flask import render_template
from flask.typing import ResponseReturnValue

from smsapp.extensions import reading
from smsapp.trace import listing
from smsapp.web.console import shell

bp = shell.blueprint("console_inbox")


@bp.get("/inbox")
@shell.looks
def inbox() -> ResponseReturnValue:
    """List the texts that people sent us."""
    with reading() as conn:
        page = listing.inbox(conn, shell.text_argument("before"))
    return render_template("console/inbox.html", page=page)

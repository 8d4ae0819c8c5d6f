"""The audit trail of the console."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from smsapp.extensions import reading
from smsapp.trace import listing
from smsapp.web.console import shell

bp = shell.blueprint("console_audit")


@bp.get("/audit")
@shell.acts
def audit_trail() -> ResponseReturnValue:
    """List what was done in the console."""
    before = request.args.get("before", type=_row_number)
    with reading() as conn:
        page = listing.audit(conn, before)
    return render_template("console/audit.html", page=page)


def _row_number(text: str) -> int:
    """Return a number that a row can have.

    Raises:
        ValueError: It is none.
    """
    number = int(text)
    if not 0 < number < 2**31:
        raise ValueError
    return number

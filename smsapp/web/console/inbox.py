"""The inbox: what people wrote to us."""

from flask import Response, render_template
from flask.typing import ResponseReturnValue

from smsapp.extensions import reading
from smsapp.trace import listing
from smsapp.voice import playing
from smsapp.web.console import shell

bp = shell.blueprint("console_inbox")


@bp.get("/inbox")
@shell.looks
def inbox() -> ResponseReturnValue:
    """List the texts that people sent us."""
    with reading() as conn:
        page = listing.inbox(conn, shell.text_argument("before"))
        media = listing.media_of(conn, page)
        voicemails = listing.voicemails_of(conn, page)
    return render_template("console/inbox.html", page=page, media=media, voicemails=voicemails)


@bp.get("/voicemails/<sid>")
@shell.looks
def sound(sid: str) -> ResponseReturnValue:
    """Play a voicemail: it comes through us, and is kept by nobody."""
    return Response(playing.play(sid), content_type="audio/wav")

"""The console's one box, which finds a text by whatever somebody has of it."""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from smsapp.events import kinds
from smsapp.extensions import settings
from smsapp.phone import country
from smsapp.trace import search
from smsapp.trace.search import Found
from smsapp.web import countries
from smsapp.web.console import shell

bp = shell.blueprint("console")


@bp.get("/", strict_slashes=False)  # else it redirects, by the Host header
@shell.looks
def search_page() -> ResponseReturnValue:
    """Show the box."""
    return _search_page()


@bp.post("/search")
@shell.looks
def find() -> ResponseReturnValue:
    """Lead to what was pasted. Posted: what people paste has no place in an address."""
    text = request.form.get("q", "").strip()
    if not text:
        return _search_page(fault="Paste something to look for"), 400
    found = search.find(text, kinds.KINDS)
    match (found.deliveries, found.subjects, found.phone_keys):
        case ((delivery_id,), (), ()):
            way = url_for("console_deliveries.show", delivery_id=delivery_id)
        case ((), (delivery_id,), ()):
            way = url_for("console_deliveries.subject", delivery_id=delivery_id)
        case ((), (), (phone_key,)):
            way = url_for("console_numbers.show", phone_key=phone_key)
        case _:
            return _search_page(typed=text, **_choices(found))
    return redirect(way, 303)


def _choices(found: Found) -> dict[str, object]:
    """Return what there is to choose from, of the kind that the form asks for."""
    chosen = shell.kind_argument(request.form)
    choices = search.choices(found)
    there = {row.kind for row in choices["deliveries"]}
    titles = {name: title for name, title in kinds.titles().items() if name in there}
    if chosen:
        choices["deliveries"] = [row for row in choices["deliveries"] if row.kind == chosen]
    return {"choices": choices, "chosen": chosen, "kind_titles": titles}


def _search_page(**shown: object) -> str:
    sender = settings().twilio_from_number
    # The country whose numbers may be pasted as they are written there.
    home = countries.all_countries().get(country(sender)) if sender else None
    return render_template("console/search.html", national=home and home.name, **shown)

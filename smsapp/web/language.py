"""The language of a customer's page: chosen on it, or else what their browser asks for.

The console and the page about the API stay English. A form with words to agree to tells which
language they were shown in: the customer may have chosen another since, in another tab.
"""

from typing import Any

from flask import Flask, Response, current_app, g, request, url_for

from smsapp import languages
from smsapp.languages import ENGLISH, NAMES, Language

# The parameter of a switch's link, the field of a form, and the cookie that keeps a choice.
NAME = "language"
# What stays English.
ENGLISH_ONLY = ("/console", "/docs")
KEEP_CHOICE = 365 * 24 * 60 * 60  # seconds


def known() -> Language | None:
    """Return the language that a customer is known to read; None where we have none of theirs."""
    if request.path.startswith(ENGLISH_ONLY):
        return ENGLISH
    chosen = (request.args.get(NAME), request.cookies.get(NAME))
    # In the order of their liking: whoever reads de-AT best, and English too, gets German.
    liked = (tag for tag, quality in request.accept_languages if quality > 0)
    found = (languages.find(tag) for tag in (*chosen, *liked) if tag)
    return next((language for language in found if language), None)


def current() -> Language:
    """Return the language of this request's page; English where we have none of the customer's."""
    if NAME not in g:
        g.language = known() or ENGLISH
    found: Language = g.language
    return found


def of_words() -> Language:
    """Return the language of the words that the posted form stood below."""
    return languages.find(request.form.get(NAME, "")) or current()


def gettext(message: str, /, **values: object) -> str:
    """Return a message in the language of this request's page."""
    return current().gettext(message, **values)


def ngettext(one: str, many: str, num: int, /, **values: object) -> str:
    """Return the form of a message that a number calls for in that language."""
    return current().ngettext(one, many, num, **values)


def init_app(app: Flask) -> None:
    """Let the templates speak it, and the browser keep what was chosen."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        _message, _plural, newstyle=True
    )
    app.after_request(_keep_choice)
    app.context_processor(_everywhere)


def _message(message: str) -> str:
    return current().catalogue.gettext(message)


def _plural(one: str, many: str, num: int) -> str:
    return current().catalogue.ngettext(one, many, num)


def _everywhere() -> dict[str, Any]:
    return {"language": current(), "switches": _switches()}


def _switches() -> list[tuple[str, str, str]]:
    """Return each language's code, its own name, and where this page is in it."""
    rule = request.url_rule
    shown_here = rule is not None and "GET" in (rule.methods or ())
    return [
        (code, name, f"?{NAME}={code}" if shown_here else url_for("pages.start", language=code))
        for code, name in NAMES.items()
    ]


def _keep_choice(response: Response) -> Response:
    """Keep what a switch on a customer's page said."""
    is_page = response.mimetype == "text/html" and not request.path.startswith(ENGLISH_ONLY)
    if is_page and request.args.get(NAME) in NAMES:
        response.set_cookie(
            NAME,
            request.args[NAME],
            max_age=KEEP_CHOICE,
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Lax",
        )
    return response

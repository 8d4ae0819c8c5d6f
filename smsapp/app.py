"""The app: settings, extensions, blueprints, and what an error answers."""

import logging
import os
import time
from typing import Any

from flask import Flask, Response, g, render_template, request
from flask.typing import ResponseReturnValue
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix

from smsapp import cli, database_faults, extensions, logs, metrics
from smsapp.config import Settings
from smsapp.errors import (
    BY_STATUS,
    Bug,
    DatabaseAway,
    InvalidRequest,
    RateLimited,
    SmsappError,
    Unauthorized,
)
from smsapp.sqlite import LOCK_SECONDS
from smsapp.web import api, console, docs, health, language, pages, twilio, voice, wording
from smsapp.web.pages import sessions, sign_up

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 16 * 1024
DATABASE_RETRY_SECONDS = 5
REDIS_SECONDS = 1.0
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
CSP = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


def create_app(settings: Settings) -> Flask:
    """Return the app for these settings; it opens no connection and starts no thread."""
    logs.set_up(settings.event_id_key)
    root = extensions.ROOT
    app = Flask(
        "smsapp",
        root_path=str(root / "smsapp"),
        instance_path=str(root / "instance"),
        template_folder=str(root / "templates"),
        static_folder=str(root / "static"),
    )
    app.config.from_mapping(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        **_cookies(settings),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings),
        RATELIMIT_STORAGE_URI=settings.ratelimit_storage_uri,
        RATELIMIT_STORAGE_OPTIONS=_storage_options(settings),
        # While Redis is away, requests are counted in memory; those that are in flight just as it
        # goes are let in uncounted. Nobody fails for want of a count.
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_SWALLOW_ERRORS=True,
    )
    app.extensions["settings"] = settings
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    # Else "//" is answered with a redirect to an address built from the Host header.
    app.url_map.merge_slashes = False
    # First: what an extension refuses has its log line and its time too.
    app.before_request(_begin)
    extensions.db.init_app(app)
    extensions.migrate.init_app(app, extensions.db)
    extensions.csrf.init_app(app)
    extensions.limiter.init_app(app)
    for blueprint in (
        *pages.BLUEPRINTS,
        *api.BLUEPRINTS,
        *console.BLUEPRINTS,
        twilio.bp,
        voice.bp,
        health.bp,
        docs.bp,
    ):
        app.register_blueprint(blueprint)
    language.init_app(app)
    cli.register(app)
    app.after_request(_end)
    app.teardown_request(_forget)
    app.register_error_handler(Exception, _answer_error)
    app.register_error_handler(extensions.CSRFError, _answer_stale_form)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    return app


def _cookies(settings: Settings) -> dict[str, Any]:
    secure = settings.public_base_url.startswith("https://")
    return {
        # With __Host- no other host of the domain, and nothing without TLS, can plant one. That
        # is what Flask-WTF looks at the Referer for, which some browsers never send.
        "SESSION_COOKIE_NAME": "__Host-session" if secure else "session",
        "WTF_CSRF_SSL_STRICT": False,
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": sessions.LASTS,
        "WTF_CSRF_TIME_LIMIT": None,  # a form's token is good for as long as its session
    }


def _engine_options(settings: Settings) -> dict[str, object]:
    # An error's text would hold the row that failed, with its number and its body.
    options: dict[str, object] = {"hide_parameters": True}
    if settings.on_sqlite:
        # A connection is a file handle: one for each thread, rather than a queue for a few.
        options["pool_size"] = settings.web_threads + settings.worker_threads + 2
    else:
        options |= {"pool_size": 10, "max_overflow": 10, "pool_timeout": 5}
        options["connect_args"] = {
            "connect_timeout": 5,
            # A server that hangs is one that is away.
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 10,
            # A server's own zone would make times near the year 1 unreadable. Who has not got a
            # lock, or its answer, by then is told that the database is away.
            "options": "-c timezone=UTC -c statement_timeout=15000"
            f" -c lock_timeout={LOCK_SECONDS * 1000:.0f}",
        }
    return options


def _storage_options(settings: Settings) -> dict[str, Any]:
    if settings.ratelimit_storage_uri.startswith("memory"):
        return {}
    # A Redis that hangs is one that is away: limits are then kept in memory.
    return {
        "socket_connect_timeout": REDIS_SECONDS,
        "socket_timeout": REDIS_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }


def _begin() -> None:
    g.started = time.perf_counter()
    g.request_id = request_id = os.urandom(16).hex()
    logs.request_id.set(request_id)


def _end(response: Response) -> Response:
    """Write the request's log line, which replaces any access log: the route, not the path.

    A view adds what it has to tell in g.log_fields, a guard in g.headers what its answer says.
    """
    rule, method = request.url_rule, request.method
    route = rule.rule if rule else "none"
    seconds = time.perf_counter() - g.started
    if method not in METHODS:  # any word of the caller's, a number too
        method = "other"
    status = f"{response.status_code // 100}xx"
    metrics.observe(metrics.REQUESTS, seconds, route, method, status)
    log.info(
        "request",
        extra={
            "method": method,
            "route": route,
            "http_status": response.status_code,
            "ms": round(seconds * 1000, 1),
            **g.get("log_fields", {}),
        },
    )
    headers = response.headers
    headers.extend(g.get("headers", {}))
    headers["X-Request-Id"] = g.request_id
    headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "text/html":
        headers["Content-Security-Policy"] = CSP
        headers["Referrer-Policy"] = "same-origin"
    return response


def _forget(_error: BaseException | None) -> None:
    """Let what this thread does between requests belong to none."""
    logs.request_id.set(None)


def _answer_stale_form(error: Exception) -> ResponseReturnValue:
    """Send on who has signed in with another tab since; all others are told."""
    return sign_up.sent_on() or _answer_error(error)


def _answer_error(error: Exception) -> ResponseReturnValue:
    """Answer an error as its reader expects: JSON, a page, or a bare line for Twilio."""
    if isinstance(error, HTTPException) and ((error.code or 500) < 400 or error.response):
        return error  # a redirect, or whoever raised it has answered
    answer = _deliberate(error)
    headers = answer.headers
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    if isinstance(answer, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if request.path.startswith(f"{voice.PREFIX}/"):
        return voice.answer_error(answer.status)
    if request.path.startswith("/twilio/"):
        headers["Content-Type"] = "text/plain; charset=utf-8"
        return answer.text, answer.status, headers
    if request.path.startswith("/api/") or not _wants_page():
        body = {"error": answer.code, "message": answer.text} | answer.extra
        if answer.retry_after:
            body["retryAfter"] = answer.retry_after
        return body, answer.status, headers
    heading, sentence = wording.page(answer)
    page = render_template(
        "errors/error.html",
        heading=heading,
        sentence=sentence,
        status=answer.status,
        request_id=g.request_id,
    )
    return page, answer.status, headers


def _wants_page() -> bool:
    """Whether the caller asks for HTML by name, as browsers do; curl and probes take anything."""
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return best == "text/html"


def _deliberate(error: Exception) -> SmsappError:
    """Return the error that a caller is meant to see for whatever was raised."""
    match error:
        case SmsappError():
            return error
        case extensions.RateLimitExceeded():
            return RateLimited(retry_after=extensions.seconds_until_let_in())
        case ParseException():  # gunicorn's, while a view reads a body that comes in chunks
            return InvalidRequest("The body's chunks cannot be read.")
        case HTTPException(code=int(status)) if status in BY_STATUS:
            return BY_STATUS[status]()
        case HTTPException(code=int(status)) if status < 500:
            return InvalidRequest("This request cannot be answered.")
        case _ if fault := database_faults.of(error):
            log.error("database away", exc_info=error, extra={"trouble": fault.name.lower()})
            return DatabaseAway(f"{fault} {DatabaseAway.NEXT}", retry_after=DATABASE_RETRY_SECONDS)
        case _:
            log.error("bug", exc_info=error)
            return Bug()

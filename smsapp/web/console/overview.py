"""The console's overview: how the texts do, and what is wrong."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from smsapp.delivery import sender, throttle
from smsapp.delivery.channels import sender_of
from smsapp.extensions import reading, settings
from smsapp.models import Channel
from smsapp.trace.status_text import CHANNELS
from smsapp.watch import alarm_text, overview
from smsapp.watch.overview import RANGES, Overview
from smsapp.web.console import charts, shell

bp = shell.blueprint("overview")

MAX_ROWS = 12


@bp.get("/overview")
@shell.looks
def show() -> ResponseReturnValue:
    """Show how the texts of a day, a week or a month do."""
    found = overview.show(request.args.get("range", "day"))
    with reading() as conn:
        sender_state = sender.read_state(conn, sender_of(Channel.SMS).name)
    step = found.range.bar
    bars, levels = charts.volume(found.bars, step)
    points, rate_levels = charts.rates(found.bars, step)
    return render_template(
        "console/overview.html",
        view=found,
        sender_state=sender_state,
        slowed_to=_slowed_to(found),
        ranges=RANGES.values(),
        tiles=_tiles(found),
        bars=bars,
        levels=levels,
        points=points,
        rate_levels=rate_levels,
        times=charts.times(found.bars, step),
        most_rows=MAX_ROWS,
        channel_titles=CHANNELS,
        percent=charts.percent,
        when=charts.when,
        moment=charts.moment,
        plot=charts.HEIGHT + charts.ABOVE,
    )


def _slowed_to(found: Overview) -> str | None:
    """Return how fast texts may leave while Twilio finds us too fast, in words; else None."""
    now, usual = found.waiting.health.per_second, settings().messages_per_second
    is_slow = now is not None and (usual is None or now < usual)
    return throttle.in_words(now) if now is not None and is_slow else None


def _tiles(found: Overview) -> list[tuple[str, str, str, str]]:
    """Return the figures at the top: what, how many, a word about it, and whether it is well."""
    total, waiting = found.total, found.waiting
    due = waiting.health.oldest_due_seconds
    unknown = waiting.oldest_unknown
    return [
        (
            "Delivered",
            f"{total.delivered:,}",
            f"{charts.percent(total.rate)} of those that ended",
            "",
        ),
        ("Failed", f"{total.failed:,}", "failed or undelivered", "is-bad" if total.failed else ""),
        ("Sent", f"{found.states['sent']:,}", "no receipt of their delivery yet", ""),
        ("Pending", f"{waiting.pending:,}", "wait for a sender now", ""),
        (
            "Unknown",
            f"{waiting.unknown:,}",
            f"the oldest for {alarm_text.duration(unknown.total_seconds())}"
            if unknown
            else "every fate is known",
            "is-warn" if waiting.unknown else "",
        ),
        (
            "Oldest due",
            alarm_text.duration(due) if due else "none",
            "due and not yet sent" if due else "all that is due is sent",
            "is-warn" if due and due > 60 else "",
        ),
        ("Suppressed", f"{sum(n for _, n in found.suppressed):,}", "not sent, on purpose", ""),
    ]

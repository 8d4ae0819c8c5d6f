"""VERIFY_BUDGET_PER_HOUR and _PER_DAY: how many codes all callers may have together.

Each code costs money, and whoever can make us send them can make us pay. What no other limit has
stopped ends here.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from smsapp.config import Settings
from smsapp.errors import BudgetSpent
from smsapp.models import Verification


class Budget(NamedTuple):
    """How many codes may be sent within a span that ends now."""

    span: timedelta
    most: int


def budgets(config: Settings) -> dict[str, Budget]:
    """Return the budgets by the name of their span: "hour", "day"."""
    return {
        "hour": Budget(timedelta(hours=1), config.verify_budget_per_hour),
        "day": Budget(timedelta(days=1), config.verify_budget_per_day),
    }


def refuse_spent(conn: Connection, now: datetime, config: Settings) -> None:
    """Refuse one more code where a budget is spent.

    Raises:
        BudgetSpent: With the time until there is room for one.
    """
    free_at = max(_free_at(conn, budget, now) for budget in budgets(config).values())
    if free_at > now:
        raise BudgetSpent(retry_after=int((free_at - now).total_seconds()) + 1)


def sent(conn: Connection, budget: Budget, now: datetime) -> int:
    """Return how many codes count against a budget now."""
    since = Verification.started_at > now - budget.span
    return conn.execute(select(func.count()).where(since)).scalar_one()


def _free_at(conn: Connection, budget: Budget, now: datetime) -> datetime:
    """Return when there is room for one more, `now` at the earliest."""
    last_to_count = conn.execute(
        select(Verification.started_at)
        .where(Verification.started_at > now - budget.span)
        .order_by(Verification.started_at.desc())
        .offset(budget.most - 1)
        .limit(1)
    ).scalar_one_or_none()
    return last_to_count + budget.span if last_to_count else now

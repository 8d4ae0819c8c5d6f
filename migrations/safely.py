"""What a migration calls where Alembic's own operation would stop the traffic."""

from typing import Any

from alembic import op

# How long a migration waits for a table. Longer would be worse than to give up: everybody who
# wants the table after it queues behind it, and texts stand still for as long as it waits.
LOCK_TIMEOUT_SECONDS = 5


def create_index(name: str, table: str, columns: list[str], **options: Any) -> None:
    """Build an index on a table in use, which on PostgreSQL can be written to meanwhile.

    Put it in a migration of its own: what came before it in the same one is committed, and a
    migration that is run again begins anew. One that broke off leaves an invalid index behind,
    which would pass for the true one; so it is dropped first.
    """
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(name, table, columns, **options)
        return
    with op.get_context().autocommit_block():
        # It waits for every transaction that began before it, and nobody waits for it.
        op.execute("SET lock_timeout = 0")
        op.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"')
        op.create_index(name, table, columns, postgresql_concurrently=True, **options)
        op.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")

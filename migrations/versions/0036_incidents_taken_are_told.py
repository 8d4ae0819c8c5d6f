"""Tell callers who has taken an incident

Noted by the database, like all that callers are told (0028): no door can forget it.

Revision ID: 0036
Revises: 0035
Create Date: 2026-11-27 17:00:00
"""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

# A test page is nobody's trouble.
TAKEN = "NEW.acknowledged_at IS NOT NULL AND OLD.acknowledged_at IS NULL AND NEW.test_of IS NULL"
ON_SQLITE = f"""
CREATE TRIGGER webhook_incident AFTER UPDATE OF acknowledged_at ON incident WHEN {TAKEN} BEGIN
INSERT INTO webhook (message_id, endpoint_id, type, record, reason, error_code, occurred_at,
    state, due_at, tries)
SELECT lower(hex(randomblob(16))), endpoint.id, 'incident.acknowledged', NEW.id,
    NEW.acknowledged_via, NULL, NEW.acknowledged_at, 'pending', NEW.acknowledged_at, 0
FROM webhook_endpoint AS endpoint
WHERE endpoint.disabled_at IS NULL
    AND (endpoint.types IS NULL OR instr(endpoint.types, ' incident.acknowledged ') > 0);
END"""  # noqa: S608  nobody else has a word in it
FUNCTION = """
CREATE FUNCTION webhook_incident() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_webhooks('incident.acknowledged', replace(CAST(NEW.id AS text), '-', ''),
        CAST(NEW.acknowledged_via AS text), NULL, NEW.acknowledged_at);
    RETURN NULL;
END $$"""
TRIGGER = f"""
CREATE TRIGGER webhook_incident AFTER UPDATE OF acknowledged_at ON incident FOR EACH ROW
WHEN ({TAKEN}) EXECUTE FUNCTION webhook_incident()"""


def upgrade():
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in (FUNCTION, TRIGGER) if on_postgresql else (ON_SQLITE,):
        op.execute(statement)


def downgrade():
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER webhook_incident ON incident")
        op.execute("DROP FUNCTION webhook_incident()")
    else:
        op.execute("DROP TRIGGER webhook_incident")

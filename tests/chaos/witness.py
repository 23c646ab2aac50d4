"""Triggers that write down what each transaction did to a fabric, so that no moment escapes the checker.

They take notes and judge nothing: what the notes must not say stands in ``checker``.
"""

from __future__ import annotations

from typing import Final

WITNESS: Final = """
CREATE SCHEMA witness;

-- A fabric's resources and commit as a transaction left them: the last note of a transaction counts.
CREATE TABLE witness.state (
    id bigserial PRIMARY KEY, transaction xid8, fabric text, oldest int, newest int, resources int, commit text,
    UNIQUE (transaction, fabric)
);
CREATE FUNCTION witness.note_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO witness.state (transaction, fabric, oldest, newest, resources, commit)
    SELECT pg_current_xact_id(), fabric.name, min((resource.labels->>'revision')::int),
        max((resource.labels->>'revision')::int), count(resource.id), fabric.desired_state_commit
    FROM netbox_hedgehog_hedgehogfabric fabric
    LEFT JOIN netbox_hedgehog_fabricresource resource ON resource.fabric_id = fabric.id
    WHERE fabric.id = (to_jsonb(COALESCE(NEW, OLD)) ->> TG_ARGV[0])::bigint
    GROUP BY fabric.name, fabric.desired_state_commit
    ON CONFLICT (transaction, fabric) DO UPDATE SET oldest = excluded.oldest, newest = excluded.newest,
        resources = excluded.resources, commit = excluded.commit;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER witness_resources AFTER INSERT OR UPDATE OR DELETE ON netbox_hedgehog_fabricresource
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION witness.note_state('fabric_id');
CREATE CONSTRAINT TRIGGER witness_commit AFTER UPDATE ON netbox_hedgehog_hedgehogfabric
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.desired_state_commit IS DISTINCT FROM NEW.desired_state_commit)
    EXECUTE FUNCTION witness.note_state('id');

-- The end of a claim, and how long it would still have held, by the database's own clock. A queued one ends also
-- where the sync of another fabric finds that nothing has changed; when it becomes a running one, that is no end.
CREATE TABLE witness.claim_end (
    id bigserial PRIMARY KEY, transaction xid8, fabric text, token uuid, was_running boolean, left_seconds float
);
CREATE FUNCTION witness.note_claim_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO witness.claim_end (transaction, fabric, token, was_running, left_seconds)
    VALUES (pg_current_xact_id(), OLD.name, OLD.claim_token, OLD.claim_started_at IS NOT NULL,
        extract(epoch FROM OLD.claim_expires_at - clock_timestamp()));
    RETURN NULL;
END $$;
CREATE TRIGGER witness_claim_end AFTER UPDATE ON netbox_hedgehog_hedgehogfabric FOR EACH ROW
    WHEN (OLD.claim_token <> NEW.claim_token AND OLD.claim_started_at IS NOT NULL
        OR OLD.claim_token IS NOT NULL AND NEW.claim_token IS NULL)
    EXECUTE FUNCTION witness.note_claim_end();

-- What a fabric said of its failures, which the next success takes away.
CREATE TABLE witness.error (id bigserial PRIMARY KEY, fabric text, error text);
CREATE FUNCTION witness.note_error() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO witness.error (fabric, error) VALUES (NEW.name, NEW.sync_error);
    RETURN NULL;
END $$;
CREATE TRIGGER witness_error AFTER UPDATE ON netbox_hedgehog_hedgehogfabric FOR EACH ROW
    WHEN (NEW.sync_error <> '' AND OLD.sync_error <> NEW.sync_error)
    EXECUTE FUNCTION witness.note_error();

-- A sync that says itself how it ended.
CREATE TABLE witness.run_end (id bigint PRIMARY KEY, transaction xid8, fabric text, token uuid);
CREATE FUNCTION witness.note_run_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO witness.run_end (id, transaction, fabric, token)
    SELECT NEW.id, pg_current_xact_id(), name, NEW.token FROM netbox_hedgehog_hedgehogfabric WHERE id = NEW.fabric_id;
    RETURN NULL;
END $$;
CREATE TRIGGER witness_run_end AFTER INSERT ON netbox_hedgehog_syncrun FOR EACH ROW
    WHEN (NEW.status NOT IN ('lost', 'cancelled'))
    EXECUTE FUNCTION witness.note_run_end();
"""

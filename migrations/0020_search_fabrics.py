"""What fabrics are searched by, where the database can index parts of words.

In a table of its own, which syncs never write: an index of the fabrics' table costs each claim and each outcome
something. Triggers keep it, so no way of writing a fabric (admin, bulk update, fixture, SQL) can leave it stale. Only
what every PostgreSQL has of itself is used: an extension may be missing, or not be allowed.

``grams`` are the texts of three characters that the searched text has in it. SQLite has none of this; there a search
looks at each fabric.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

FORWARDS = """
CREATE OR REPLACE FUNCTION hedgehog_grams(searched text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ARRAY(
        SELECT DISTINCT gram
        FROM (
            SELECT a || lead(a) OVER ahead || lead(a, 2) OVER ahead
            FROM unnest(string_to_array(searched, NULL)) WITH ORDINALITY AS each(a, at)
            WINDOW ahead AS (ORDER BY at)
        ) AS found(gram)
        WHERE gram IS NOT NULL
    )
$$;

CREATE TABLE IF NOT EXISTS hedgehog_fabric_search (
    fabric_id bigint PRIMARY KEY,
    searched text NOT NULL,
    grams text[] NOT NULL GENERATED ALWAYS AS (hedgehog_grams(searched)) STORED
);

CREATE OR REPLACE FUNCTION hedgehog_keep_fabric_search() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        TRUNCATE hedgehog_fabric_search;
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM hedgehog_fabric_search WHERE fabric_id = OLD.id;
    ELSE
        INSERT INTO hedgehog_fabric_search (fabric_id, searched)
        VALUES (NEW.id, upper(NEW.name || E'\\n' || NEW.description))
        ON CONFLICT (fabric_id) DO UPDATE SET searched = EXCLUDED.searched;
    END IF;
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS hedgehog_search_written ON netbox_hedgehog_hedgehogfabric;
CREATE TRIGGER hedgehog_search_written AFTER INSERT OR DELETE OR UPDATE OF name, description
ON netbox_hedgehog_hedgehogfabric FOR EACH ROW EXECUTE FUNCTION hedgehog_keep_fabric_search();

DROP TRIGGER IF EXISTS hedgehog_search_emptied ON netbox_hedgehog_hedgehogfabric;
CREATE TRIGGER hedgehog_search_emptied AFTER TRUNCATE
ON netbox_hedgehog_hedgehogfabric FOR EACH STATEMENT EXECUTE FUNCTION hedgehog_keep_fabric_search();

INSERT INTO hedgehog_fabric_search (fabric_id, searched)
SELECT id, upper(name || E'\\n' || description) FROM netbox_hedgehog_hedgehogfabric
ON CONFLICT (fabric_id) DO UPDATE SET searched = EXCLUDED.searched;

CREATE INDEX IF NOT EXISTS hedgehog_fabric_search_grams ON hedgehog_fabric_search USING gin (grams);
ANALYZE hedgehog_fabric_search;
"""

BACKWARDS = """
DROP TRIGGER IF EXISTS hedgehog_search_written ON netbox_hedgehog_hedgehogfabric;
DROP TRIGGER IF EXISTS hedgehog_search_emptied ON netbox_hedgehog_hedgehogfabric;
DROP FUNCTION IF EXISTS hedgehog_keep_fabric_search();
DROP TABLE IF EXISTS hedgehog_fabric_search;
DROP FUNCTION IF EXISTS hedgehog_grams(text);
"""


def forwards(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make table, index and triggers, and fill the table."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FORWARDS)


def backwards(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take them away again."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(BACKWARDS)


class Migration(migrations.Migration):
    dependencies = [
        ("netbox_hedgehog", "0019_answer_large_fleets"),
    ]

    operations = [migrations.RunPython(forwards, backwards)]

"""Let a claim be confirmed, begun and renewed without an entry in any index.

PostgreSQL writes a new row version into no index when no indexed value changes and the page has room for it, hence
the fill factor, which the rewrite by AddField applies to the rows that exist.
"""

from typing import Any

from django.db import migrations, models

TABLE = "netbox_hedgehog_hedgehogfabric"
FILL_FACTOR_PERCENT = 80


def leave_room(_apps: Any, schema_editor: Any) -> None:
    """For new versions of a row on its own page."""
    _set(schema_editor, f"SET (fillfactor = {FILL_FACTOR_PERCENT})")


def leave_none(_apps: Any, schema_editor: Any) -> None:
    """As PostgreSQL fills pages by itself."""
    _set(schema_editor, "RESET (fillfactor)")


def _set(schema_editor: Any, storage: str) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE {TABLE} {storage}")


class Migration(migrations.Migration):
    dependencies = [("netbox_hedgehog", "0002_register_schedule")]

    operations = [
        migrations.RunPython(leave_room, leave_none),
        migrations.RemoveIndex(model_name="hedgehogfabric", name="fabric_claim"),
        migrations.AddField(
            model_name="hedgehogfabric",
            name="has_claim",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.ExpressionWrapper(
                    models.Q(("claim_expires_at__isnull", False)), output_field=models.BooleanField()
                ),
                output_field=models.BooleanField(),
            ),
        ),
        migrations.AddIndex(
            model_name="hedgehogfabric",
            index=models.Index(fields=["id"], name="fabric_claim", condition=models.Q(("has_claim", True))),
        ),
    ]

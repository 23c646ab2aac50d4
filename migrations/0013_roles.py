"""Three groups to put users into: Viewer, Operator, Administrator.

A group of one of these names that exists already is the operator's and left alone.
"""

from typing import Any, Final

from django.db import migrations

APP: Final = "netbox_hedgehog"
BEAT: Final = "django_celery_beat"

SHOWN: Final = (
    (APP, "fabricfinding", "fabric finding"),
    (APP, "fabricresource", "resource"),
    (APP, "gitrepository", "Git repository"),
    (APP, "hedgehogfabric", "fabric"),
    (APP, "heldchange", "held change"),
    (APP, "schedulerrun", "scheduler run"),
    (APP, "schemasource", "schema source"),
    (APP, "syncrun", "sync run"),
    (BEAT, "clockedschedule", "clocked"),
    (BEAT, "crontabschedule", "crontab"),
    (BEAT, "intervalschedule", "interval"),
    (BEAT, "periodictask", "periodic task"),
    (BEAT, "solarschedule", "solar event"),
)
EDITED: Final = ("gitrepository", "hedgehogfabric", "schemasource", *(model for app, model, _ in SHOWN if app == BEAT))

VIEWER: Final = tuple((app, model, "view", f"Can view {name}") for app, model, name in SHOWN)
OPERATOR: Final = (
    *VIEWER,
    (APP, "hedgehogfabric", "sync", "Can sync fabrics, enable and disable them, and set their intervals"),
    (APP, "heldchange", "change", "Can change held change"),
)
ADMINISTRATOR: Final = (
    *OPERATOR,
    *(
        (app, model, verb, f"Can {verb} {name}")
        for app, model, name in SHOWN
        if model in EDITED
        for verb in ("add", "change", "delete")
    ),
)
ROLES: Final = {"Viewer": VIEWER, "Operator": OPERATOR, "Administrator": ADMINISTRATOR}


def make(apps: Any, schema_editor: Any) -> None:
    """Add the groups that do not exist, with their permissions, which Django itself makes only after all migrations."""
    using = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(using)
    for role, rights in ROLES.items():
        group, is_new = groups.get_or_create(name=role)
        if is_new:
            group.permissions.set([_permission(apps, using, right) for right in rights])


def unmake(apps: Any, schema_editor: Any) -> None:
    """Remove the groups that are as they were made and have no members."""
    using = schema_editor.connection.alias
    for role, rights in ROLES.items():
        group = apps.get_model("auth", "Group").objects.using(using).filter(name=role, user=None).first()
        if group is None:
            continue
        found = set(group.permissions.values_list("content_type__app_label", "codename"))
        if found == {(app, f"{verb}_{model}") for app, model, verb, _ in rights}:
            group.delete()


def _permission(apps: Any, using: str, right: tuple[str, str, str, str]) -> Any:
    app, model, verb, name = right
    types = apps.get_model("contenttypes", "ContentType").objects.using(using)
    content_type, _ = types.get_or_create(app_label=app, model=model)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    permission, _ = permissions.get_or_create(
        content_type=content_type, codename=f"{verb}_{model}", defaults={"name": name}
    )
    return permission


class Migration(migrations.Migration):
    dependencies = [
        (APP, "0012_count_runs_for_good"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="hedgehogfabric",
            options={
                "ordering": ("name",),
                "permissions": (
                    ("sync_hedgehogfabric", "Can sync fabrics, enable and disable them, and set their intervals"),
                ),
                "verbose_name": "fabric",
            },
        ),
        migrations.RunPython(make, unmake),
    ]

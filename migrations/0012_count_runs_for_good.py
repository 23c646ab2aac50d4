from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("netbox_hedgehog", "0011_register_pruning"),
    ]

    operations = [
        migrations.CreateModel(
            name="RunTotalsMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("sync", "sync runs"), ("tick", "scheduler runs")], max_length=10, unique=True
                    ),
                ),
                ("counted", models.BigIntegerField()),
                ("seen", models.BigIntegerField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "mark of the run totals",
            },
        ),
        migrations.CreateModel(
            name="RunTotal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("sync", "sync runs"), ("tick", "scheduler runs")], max_length=10)),
                ("status", models.CharField(max_length=10)),
                ("error_code", models.CharField(blank=True, max_length=64)),
                ("runs", models.BigIntegerField(default=0)),
                ("seconds", models.FloatField(default=0, verbose_name="duration (s)")),
                ("within", models.JSONField(default=dict, help_text="How many took at most so many seconds.")),
                ("sums", models.JSONField(default=dict, help_text="What the runs' own counts come to.")),
            ],
            options={
                "verbose_name": "run total",
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "status", "error_code"), name="one_total_of_each_outcome")
                ],
            },
        ),
    ]

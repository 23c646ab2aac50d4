"""Django app configuration."""

from django.apps import AppConfig


class NetboxHedgehogConfig(AppConfig):
    """Connects the system checks, the signals, and the processes' pulse and look at the set-up when Django is ready."""

    name = "netbox_hedgehog"
    verbose_name = "Hedgehog fabrics"

    def ready(self) -> None:
        """Register what registers on import, and needs settings and models for that."""
        from netbox_hedgehog import beat, checks, pulse, startup  # noqa: F401, PLC0415
        from netbox_hedgehog.celery import app  # noqa: PLC0415
        from netbox_hedgehog.observability import tracing  # noqa: PLC0415
        from netbox_hedgehog.sync import mirrors  # noqa: F401, PLC0415

        tracing.start_from_environment()
        pulse.connect(app)
        startup.connect()
        beat.connect()

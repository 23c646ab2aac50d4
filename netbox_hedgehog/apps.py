"""Django app configuration."""

from django.apps import AppConfig


class NetboxHedgehogConfig(AppConfig):
    """Connects the system checks when Django is ready."""

    name = "netbox_hedgehog"
    verbose_name = "Hedgehog fabrics"

    def ready(self) -> None:
        """Register the checks."""
        from netbox_hedgehog import checks  # noqa: F401, PLC0415 - registers on import, which needs settings

"""Routes: the admin is the user interface; probes and metrics are for other machines."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from netbox_hedgehog.admin.dashboard import dashboard_urls
from netbox_hedgehog.admin.sync_schedule import sync_schedule
from netbox_hedgehog.web import probes
from netbox_hedgehog.web.metrics import metrics


class _Favicon(RedirectView):
    """To the icon under the name that the static files give it."""

    def get_redirect_url(self, *_args: object, **_kwargs: object) -> str:
        return static("hedgehog/favicon.svg")


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    # Browsers ask for it by this name where no page names another.
    path("favicon.ico", _Favicon.as_view(), name="favicon"),
    path("healthz", probes.alive, name="healthz"),
    path("readyz", probes.ReadyView.as_view(), name="readyz"),
    path("health/fleet", probes.FleetView.as_view(), name="fleet-health"),
    path("metrics", metrics, name="metrics"),
    path("admin/schedule/", admin.site.admin_view(sync_schedule), name="sync-schedule"),
    *dashboard_urls(admin.site),
    path("admin/", admin.site.urls),
]

"""Routes: the admin is the user interface; probes and metrics are for other machines."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from netbox_hedgehog.web import probes
from netbox_hedgehog.web.metrics import metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("healthz", probes.alive, name="healthz"),
    path("readyz", probes.ReadyView.as_view(), name="readyz"),
    path("health/fleet", probes.FleetView.as_view(), name="fleet-health"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
]

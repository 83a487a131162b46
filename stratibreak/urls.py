"""Every address of the installation."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from integrations.hooks import hook_view
from stratibreak import health
from stratibreak.api_router import api_urlpatterns
from stratibreak.invitation_page import invitation_page

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("livez", health.live, name="livez"),
    path("readyz", health.ready, name="readyz"),
    path("admin/", admin.site.urls),
    path("invitation/", invitation_page, name="invitation"),
    path("hooks/<str:token>/", hook_view, name="hook"),
    path("hooks/<str:token>", hook_view),  # a slash is easily lost, and what is posted cannot be sent on
    *api_urlpatterns,
]

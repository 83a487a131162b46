"""Every address of the installation."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from stratibreak.api_router import api_urlpatterns

urlpatterns = [
    path("admin/", admin.site.urls),
    *api_urlpatterns,
]

"""The API's part of the settings: which classes make up its kit. It names classes and imports none."""

from __future__ import annotations

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.api.authentication.RequestUserAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.api.permissions.MatrixPermission"],
    "DEFAULT_RENDERER_CLASSES": ["tenants.api.renderers.CompactJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tenants.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "tenants.api.schema.ProblemAwareSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "tenants.api.exceptions.problem_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Stratibreak API",
    "DESCRIPTION": (
        "Gaps between what a project intended and what is happening, why they are there, and what will break next.\n\n"
        "Errors are problem documents (RFC 9457). A change needs `If-Match` with the `ETag` of the version it changes. "
        "Lists are pages: follow `next`. What you may see and do follows from your role; what you may not see answers "
        "like what is not there."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "tenants.api.schema.add_problems",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "docExpansion": "none", "defaultModelsExpandDepth": -1},
}

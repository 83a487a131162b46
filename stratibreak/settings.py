"""Settings: one file, everything that differs between installations read from the environment.

Each variable is named with its unit, its default and its meaning.  Without ``DATABASE_URL`` the installation is a
development one: it uses the embedded PostgreSQL and secrets of its own (``.stratibreak/``), with DEBUG on.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import environ
from psycopg.conninfo import conninfo_to_dict

from stratibreak.development import development_environment
from tenants.api import settings as api_settings

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# Without DATABASE_URL: addresses of the embedded server and generated secrets (nothing is started here).
DEVELOPMENT = development_environment(BASE_DIR) if not env.str("DATABASE_URL", "") else {}


def _text(name: str, default: str = "") -> str:
    return str(env.str(name, DEVELOPMENT.get(name, default)))


# Core

# SECRET_KEY: signs sessions and cursors; required outside development.
SECRET_KEY = _text("SECRET_KEY")
# DEBUG: true or false; on only in development.
DEBUG = env.bool("DEBUG", default=bool(DEVELOPMENT))
# ALLOWED_HOSTS: host names served, comma-separated; default the machine itself.
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
# CSRF_TRUSTED_ORIGINS: origins with scheme, comma-separated; needed behind a proxy that ends TLS.
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# TRUSTED_PROXIES: networks whose X-Forwarded-For and X-Request-ID are believed, comma-separated CIDR; default none.
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "auditlog",  # before tenants, whose page of the audit trail replaces its own
    "tenants",
    "projects",
    "predictions",
    "gaps",
    "integrations",
    "stratibreak",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "stratibreak.admin_site.BackofficeConfig",
]

MIDDLEWARE = [
    "tenants.middleware.RequestInfoMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tenants.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "tenants.middleware.TenantMiddleware",
]

ROOT_URLCONF = "stratibreak.urls"
WSGI_APPLICATION = "stratibreak.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "stratibreak" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {"plots": "stratibreak.plot_tags"},
        },
    }
]

# Database

# DATABASE_URL: postgresql:// address of the login of web and workers (PostgreSQL 15 or newer).
# DATABASE_OWNER_URL: the owner of the tables (migrate, loaddata); absent: a single database user does everything.
# DATABASE_PLATFORM_URL: the operators' login that reads across tenants; absent: operators enter one tenant at a time.
# DATABASE_BACKUP_URL: a login that bypasses policies, for pg_dump.
# DATABASE_QUEUE_URL: the workers' login for the queue of jobs; direct, not through a pooler: it sets its search path.
# Absent: no jobs run where there is an owner; with a single database user that one is used.
# DATABASE_SUPERUSER_URL: used by provision_database only.
# DATABASE_ROLE_PREFIX: beginning of the group roles' names; they belong to the cluster.  Default stratibreak.
# DATABASE_POOL_SIZE: connections kept per process, 0: none are pooled.  Default 0.
DATABASE_ROLE_PREFIX = env.str("DATABASE_ROLE_PREFIX", "stratibreak")
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=0)


def _address(url: str) -> dict[str, Any]:
    """Return the connection parameters of a URL, without the database's name."""
    return {key: value for key, value in conninfo_to_dict(url).items() if key != "dbname" and value is not None}


def _database(url: str) -> dict[str, Any]:
    """Return Django's description of a database from its URL; what Django has no name for goes to OPTIONS."""
    parameters: dict[str, Any] = conninfo_to_dict(url)
    named = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    options: dict[str, Any] = {key: value for key, value in parameters.items() if key not in named.values()}
    if DATABASE_POOL_SIZE:
        options["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE}
    return {
        "ENGINE": "tenants.isolation.postgresql",
        "CONN_MAX_AGE": 0 if DATABASE_POOL_SIZE else 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": False,
        "OPTIONS": options,
        **{name: str(parameters.get(key) or "") for name, key in named.items()},
    }


DATABASES: dict[str, dict[str, Any]] = {"default": _database(_text("DATABASE_URL"))}
for _kind in ("OWNER", "BACKUP", "QUEUE", "SUPERUSER"):
    if _url := _text(f"DATABASE_{_kind}_URL"):
        DATABASES["default"][_kind] = _address(_url)
if _url := _text("DATABASE_PLATFORM_URL"):
    DATABASES["platform"] = {**_database(_url), "TEST": {"MIRROR": "default"}}
DATABASE_ROUTERS = ["tenants.isolation.router.PlatformRouter"]
# Apps whose code is used and whose tables are not: the role matrix replaces groups and permissions, the audit trail
# replaces the logs of the backoffice and of auditlog.
TABLELESS_APPS = ["auth", "admin", "auditlog"]
MIGRATION_MODULES: dict[str, None] = dict.fromkeys(TABLELESS_APPS)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# CONTEXT_SIGNING_KEY: base64 of at least 32 random bytes; with it the tenant travels signed.  Absent: plain.
CONTEXT_SIGNING_KEY = base64.b64decode(_text("CONTEXT_SIGNING_KEY"))
# CONTEXT_SIGNING_KEY_VERSION: whole number, raised when the key changes.
CONTEXT_SIGNING_KEY_VERSION = env.int("CONTEXT_SIGNING_KEY_VERSION", default=1)
# FIELD_KEYRING: "2:<base64 of 32 bytes>,1:<…>"; the first wraps the tenants' data keys, all unwrap.
FIELD_KEYRING = _text("FIELD_KEYRING")
# API_KEY_PEPPER: "2:<base64>,1:<base64>"; the first hashes new API keys and invitation tokens, all verify.
API_KEY_PEPPER = _text("API_KEY_PEPPER")

# People

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["tenants.authentication.TenantBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/admin/login/"
# LOGIN_FAILURES_PER_ACCOUNT, LOGIN_FAILURES_PER_ADDRESS: bad tries before a pause.
# LOGIN_LOCKOUT_S: the length of that pause, seconds.
LOGIN_FAILURES_PER_ACCOUNT = env.int("LOGIN_FAILURES_PER_ACCOUNT", default=5)
LOGIN_FAILURES_PER_ADDRESS = env.int("LOGIN_FAILURES_PER_ADDRESS", default=50)
LOGIN_LOCKOUT_S = env.int("LOGIN_LOCKOUT_S", default=900)
# SESSION_LIFETIME_S: seconds a session lasts without a new login.
SESSION_COOKIE_AGE = env.int("SESSION_LIFETIME_S", default=12 * 3600)
SESSION_ENGINE = "tenants.sessions"
SESSION_COOKIE_NAME = "stratibreak_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG

# Mail and invitations

# PUBLIC_URL: the address people reach this installation at, such as https://stratibreak.example; links in mails begin
# with it, never with what a request claims.  Default in development http://127.0.0.1:8000, else none: nobody can be
# invited.
PUBLIC_URL = _text("PUBLIC_URL", "http://127.0.0.1:8000" if DEVELOPMENT else "")
# EMAIL_URL: smtp+tls://user:password@host:587, smtp+ssl://…, consolemail:// (prints mails).
# Default in development the console, else smtp://localhost:25.
_mail: dict[str, Any] = env.email_url("EMAIL_URL", "consolemail://" if DEVELOPMENT else "smtp://localhost:25")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds: a mail server that does not answer holds a worker no longer
# EMAIL_FROM: the sender of mails.
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", "Stratibreak <no-reply@localhost>")
# INVITATION_LIFETIME_S: seconds an invitation's link works.  INVITATIONS_PER_DAY: how many an organisation may send.
INVITATION_LIFETIME_S = env.int("INVITATION_LIFETIME_S", default=7 * 86_400)
INVITATIONS_PER_DAY = env.int("INVITATIONS_PER_DAY", default=200)

# Transport and pages

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
# SECURE_HSTS_SECONDS: seconds; how long browsers insist on TLS.  Default 0: the proxy decides.
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0)
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
# UPLOAD_MAX_BYTES: bytes; the largest history file that may be uploaded.
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", default=200 * 1024 * 1024)

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "/static/"
# STATIC_ROOT: where `collectstatic` writes for a web server in front; absent: the process serves them itself.
STATIC_ROOT = env.str("STATIC_ROOT", "") or None
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
FIXTURE_DIRS = [BASE_DIR / "fixtures"]

# Tools that are read

# INTEGRATION_NETWORKS: networks in which self-hosted tools may be read, comma-separated CIDR, such as 10.20.0.0/16;
# plain http and any port are allowed there.  Default none: public addresses by https on port 443 only.
INTEGRATION_NETWORKS = env.list("INTEGRATION_NETWORKS", default=[])
# INTEGRATION_GATEWAYS: where tools are reached instead of directly, "TRELLO=https://gateway.example/trello,…".
INTEGRATION_GATEWAYS: dict[str, str] = env.dict("INTEGRATION_GATEWAYS", default={})
# INTEGRATION_APPS: apps of the operator that tokens are renewed for, "GITLAB=<client id>:<client secret>,…"; a
# connection may name its own.  The secret goes to the tool's own login only, never to a self-hosted one.  Tools send
# people back to PUBLIC_URL + /admin/integrations/integration/consented/.  Default none.
INTEGRATION_APPS: dict[str, list[str]] = {
    tool: pair.split(":", 1) for tool, pair in env.dict("INTEGRATION_APPS", default={}).items()
}
# RAW_PAYLOAD_RETENTION_DAYS: days that the answers of tools are kept, compressed and sealed; 0: none are.
RAW_PAYLOAD_RETENTION_DAYS = env.int("RAW_PAYLOAD_RETENTION_DAYS", default=14)
# OUTGOING_MESSAGE_RETENTION_DAYS: days that messages to destinations and their deliveries are kept, at least 7.
OUTGOING_MESSAGE_RETENTION_DAYS = max(7, env.int("OUTGOING_MESSAGE_RETENTION_DAYS", default=30))

# Audit

AUDITLOG_LOGENTRY_MODEL = "tenants.AuditEntry"
AUDITLOG_STORE_JSON_CHANGES = True  # before and after keep their types
AUDITLOG_DISABLE_ON_RAW_SAVE = True  # loading fixtures is the operator's act, not a change by somebody
# AUDIT_SEAL_KEYS: "2:<base64 of 32 bytes>,1:<…>"; the first seals the audit trail, all verify.  Absent: no seals.
AUDIT_SEAL_KEYS = _text("AUDIT_SEAL_KEYS")
AUDITLOG_DISABLE_REMOTE_ADDR = True  # the request's origin comes from tenants.request_info

# API

REST_FRAMEWORK = api_settings.REST_FRAMEWORK
SPECTACULAR_SETTINGS = api_settings.SPECTACULAR_SETTINGS
# Which rows a role's scope means is known above tenants, where memberships are.
STRATIBREAK_VISIBILITY = "projects.domain.queries.visibility.restrict_to_visible"
# Which lists there are is known where they are put together.
STRATIBREAK_API_ROUTES = "stratibreak.api_router.ROUTES"
STRATIBREAK_SEARCH_SCOPE = "projects.domain.queries.visibility.search_scope"

# Logs

# LOG_LEVEL: DEBUG, INFO, WARNING or ERROR.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "filters": {"no_hook_tokens": {"()": "stratibreak.log_redaction.NoHookTokens"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_hook_tokens"]},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        # It tells of every job three times, with its arguments; ours is said once, by stratibreak.jobs.
        "procrastinate": {"level": "WARNING"},
        # Both write addresses of requests, also to handlers of Django's own.
        "django.request": {"filters": ["no_hook_tokens"]},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}

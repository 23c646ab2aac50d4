"""Django settings, all from the environment; docs/settings.md lists them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dj_database_url
from django.templatetags.static import static
from django.urls import reverse_lazy
from environs import validate

from netbox_hedgehog.conf import Conf
from netbox_hedgehog.env import (
    data_dir,
    next_database,
    persistent_secret,
    read_list,
    read_option,
    reading,
    url_with,
    verified_redis,
)
from netbox_hedgehog.observability.logs import logging_config

PACKAGE = Path(__file__).resolve().parent
DATA_DIR = data_dir()

with reading(DATA_DIR) as env:
    DEBUG = env.bool("DEBUG", default=False)
    SECRET_KEY = env.str("SECRET_KEY", default="", validate=validate.Length(max=4096))
    ALLOWED_HOSTS = read_list(env, "ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
    CSRF_TRUSTED_ORIGINS = read_list(env, "CSRF_TRUSTED_ORIGINS")
    HTTPS = env.bool("HTTPS", default=False)
    TRUST_PROXY = env.bool("TRUST_PROXY", default=False)
    STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_DIR / "static"))
    HEDGEHOG_ENCRYPTION_KEYS = read_list(env, "HEDGEHOG_ENCRYPTION_KEY")
    HEDGEHOG_METRICS_KEY = env.str("HEDGEHOG_METRICS_KEY", default="", validate=validate.Length(max=4096))
    HEDGEHOG_DEMO_ROOT = env.str("HEDGEHOG_DEMO_ROOT", default="")
    _database_url = env.str(
        "DATABASE_URL",
        default=f"sqlite:///{quote(str(DATA_DIR / 'hedgehog.sqlite3'))}",
        validate=url_with("postgres", "postgresql", "sqlite"),
    )
    _redis_url = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0", validate=url_with("redis", "rediss"))
    CELERY_BROKER_URL = env.str(
        "CELERY_BROKER_URL",
        default=_redis_url or "",
        validate=url_with("redis", "rediss", "amqp", "amqps", "memory"),
    )
    _cache_url = env.str("CACHE_URL", default=next_database(_redis_url or ""), validate=url_with("redis", "rediss"))
    _options = {option.name: read_option(env, option) for option in Conf.options()}

globals().update(_options)
CELERY_BROKER_URL, _cache_url = verified_redis(CELERY_BROKER_URL), verified_redis(_cache_url)

# Without a key of the operator's own, each installation keeps a random one; `check --deploy` asks for a real one
# because several machines must share it.
SECRET_KEY = SECRET_KEY or persistent_secret(DATA_DIR / "secret_key")
HEDGEHOG_ENCRYPTION_KEYS = HEDGEHOG_ENCRYPTION_KEYS or [persistent_secret(DATA_DIR / "encryption_key")]

# --- Application

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "axes",
    "netbox_hedgehog",
]
MIDDLEWARE = [
    "netbox_hedgehog.web.middleware.MachinesFirst",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
ROOT_URLCONF = "netbox_hedgehog.urls"
LOGIN_REDIRECT_URL = "admin:index"
WSGI_APPLICATION = "netbox_hedgehog.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Static files: hashed names, served by the web process itself

STATIC_URL = "static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Database

# IMMEDIATE takes the write lock at BEGIN, where SQLite waits for it; taken later it fails at once instead.
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}
_database = dj_database_url.parse(_database_url)
if _database.get("ENGINE") == "django.db.backends.sqlite3":
    _database["OPTIONS"] = SQLITE_OPTIONS
    Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
else:
    _database |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    _database["OPTIONS"] = {"connect_timeout": 5, **_database.get("OPTIONS", {})}
DATABASES = {"default": _database}

# --- Cache: holds the tick's lock, so it must be one that all processes share

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": _cache_url,
        "KEY_PREFIX": "hedgehog",
        "OPTIONS": {
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "SOCKET_CONNECT_TIMEOUT": 2,
            "SOCKET_TIMEOUT": 3,
        },
    },
}

# --- Celery

# RabbitMQ delivers high numbers first, Redis low ones. The schedule row says 6 for the tick on either, so the
# syncs take the number that comes after 6 on the broker in use.
_is_amqp = CELERY_BROKER_URL.startswith("amqp")
HEDGEHOG_TICK_PRIORITY = 6
HEDGEHOG_SYNC_PRIORITY = 3 if _is_amqp else 9

_ONE_RETRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}

CELERY_TASK_DEFAULT_QUEUE = "git_sync"
CELERY_TASK_QUEUE_MAX_PRIORITY = 9 if _is_amqp else None
# Not a default priority: that would win over these, which the schedule row's in turn wins over.
CELERY_TASK_ROUTES = {
    "netbox_hedgehog.tasks.git_sync_fabric": {"priority": HEDGEHOG_SYNC_PRIORITY},
    "netbox_hedgehog.tasks.periodic_fabric_sync_scheduler": {"priority": HEDGEHOG_TICK_PRIORITY},
    # As the tick: behind a queue of syncs that is never empty, history would grow without end.
    "netbox_hedgehog.tasks.prune_history": {"priority": HEDGEHOG_TICK_PRIORITY},
}
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = CELERY_EVENT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = CELERY_RESULT_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_RESULT_BACKEND = _cache_url
CELERY_RESULT_EXPIRES = 3600
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 3
CELERY_REDIS_SOCKET_TIMEOUT = 10
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"retry_policy": _ONE_RETRY}
# Celery never closes connections to the database, then: `celery.py` does as Django does between requests.
CELERY_DB_REUSE_MAX = 2**62
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TRACK_STARTED = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = _options["HEDGEHOG_SYNC_TIME_LIMIT_SECONDS"]
CELERY_TASK_TIME_LIMIT = CELERY_TASK_SOFT_TIME_LIMIT + 30
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Flower and `celery events` switch them on while they watch; composing and sending them is two fifths of the work of a
# worker's main process.
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 3
# A publish that fails is reported by the tick, which gives the claim back; waiting longer would only block it.
CELERY_TASK_PUBLISH_RETRY_POLICY = _ONE_RETRY
CELERY_BROKER_CONNECTION_TIMEOUT = 3
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {}
    if _is_amqp
    else {
        "queue_order_strategy": "priority",
        # Longer than any claim: a message that comes back after this finds its claim gone and its expiry passed.
        "visibility_timeout": 2 * _options["HEDGEHOG_QUEUED_CLAIM_SECONDS"] + CELERY_TASK_TIME_LIMIT,
        "socket_connect_timeout": 3,
        "socket_timeout": 10,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }
)
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# Save `last_run_at` after every tick; by default it may lag three minutes, and a restart would tick too early.
CELERY_BEAT_SYNC_EVERY = 1

# --- Security

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "netbox_hedgehog.web.error_pages.RedactedReports"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if HTTPS:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
# Whoever guesses is locked out by the pair of name and address: by name alone anybody could lock out anybody else,
# and behind one address may be a whole office.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "netbox_hedgehog.web.sign_in.locked_out"
AXES_CLIENT_IP_CALLABLE = "netbox_hedgehog.web.sign_in.client_address"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- The admin's look and menu


def _menu_item(title: str, icon: str, app: str, model: str, route: str = "") -> dict[str, Any]:
    """One entry, shown to those who may view the model: its list, or the page that ``route`` names."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(route or f"admin:{app}_{model}_changelist"),
        "permission": lambda request: (
            request.user.has_perm(f"{app}.view_{model}") or request.user.has_perm(f"{app}.change_{model}")
        ),
    }


UNFOLD = {
    "SITE_TITLE": "Hedgehog fabrics",
    "SITE_HEADER": "Hedgehog fabrics",
    "DASHBOARD_CALLBACK": "netbox_hedgehog.admin.dashboard.add_dashboard",
    "SITE_SYMBOL": "lan",
    "SITE_URL": None,
    "STYLES": [lambda _request: static("hedgehog/base.css")],
    "SCRIPTS": [lambda _request: static("hedgehog/labels.js")],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("hedgehog/favicon.svg")}
    ],
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {
        "navigation": [
            {
                "title": None,
                "items": [
                    {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    _menu_item("Fabrics", "lan", "netbox_hedgehog", "hedgehogfabric"),
                    _menu_item("Repositories", "source", "netbox_hedgehog", "gitrepository"),
                    _menu_item("Schema sources", "schema", "netbox_hedgehog", "schemasource"),
                    _menu_item("Resources", "dns", "netbox_hedgehog", "fabricresource"),
                    _menu_item("Held changes", "back_hand", "netbox_hedgehog", "heldchange"),
                    _menu_item("Findings", "rule", "netbox_hedgehog", "fabricfinding"),
                    _menu_item("Sync runs", "sync", "netbox_hedgehog", "syncrun"),
                    _menu_item("Scheduler runs", "timer", "netbox_hedgehog", "schedulerrun"),
                ],
            },
            {
                "title": "Schedule",
                "separator": True,
                "items": [
                    _menu_item("Sync schedule", "schedule", "django_celery_beat", "periodictask", "sync-schedule"),
                    _menu_item("Periodic tasks", "event_repeat", "django_celery_beat", "periodictask"),
                    _menu_item("Intervals", "timelapse", "django_celery_beat", "intervalschedule"),
                    _menu_item("Crontabs", "calendar_month", "django_celery_beat", "crontabschedule"),
                    _menu_item("Clocked", "alarm", "django_celery_beat", "clockedschedule"),
                    _menu_item("Solar events", "wb_twilight", "django_celery_beat", "solarschedule"),
                ],
            },
            {
                "title": "Access",
                "separator": True,
                "items": [
                    _menu_item("Users", "person", "auth", "user"),
                    _menu_item("Groups", "group", "auth", "group"),
                ],
            },
        ],
    },
}

# --- Logging

LOGGING = logging_config(_options["HEDGEHOG_LOG_FORMAT"], _options["HEDGEHOG_LOG_LEVEL"])
LOGGING_CONFIG = "logging.config.dictConfig"

"""What ``make run`` runs: from whatever is there to a server with demo data and their analysis."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.urls import reverse

from projects.enums import AnalysisKind
from projects.models import AnalysisRecord
from stratibreak.demo_data import DEMO_AS_OF, DEMO_TENANTS
from tenants.default_users import DEFAULT_USERS
from tenants.isolation.roles import credentials
from tenants.isolation.transaction import auth_context, tenant_context
from tenants.models import Tenant, User

HOST = "127.0.0.1"
# One process: its threads share the interpreter, but a demo waits for the database, not for the processor.
BLOCKING_THREADS = 4
WORKER_GRACE_S = 2.0


class Command(BaseCommand):
    """Make roles, tables, demo data and their first analysis, each only where missing, then serve in this process."""

    help = "Prepare the demo and serve it on 127.0.0.1. For development: its users have known passwords."
    requires_system_checks: list[str] = []  # checks of the database's state would fail before the tables exist

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--no-server", action="store_true", help="Stop when everything is prepared.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo has users with known passwords, so it runs with DEBUG=true only.")
        if not options["no_server"]:
            check_port_is_free(options["port"])
        self._prepare_database()
        self._load_fixtures()
        self._analyse()
        if not options["no_server"]:
            self._announce(options["port"])
            start_worker()
            serve(options["port"])

    def _prepare_database(self) -> None:
        if credentials("SUPERUSER") is not None:
            call_command("provision_database", stdout=self.stdout)
        self.stdout.write("Migrating")
        call_command("migrate", verbosity=0, interactive=False)

    def _load_fixtures(self) -> None:
        with auth_context():
            loaded = User.objects.filter(email=DEFAULT_USERS[0].email).exists()
        if loaded:
            return
        self.stdout.write("Loading the demo tenants")
        call_command("loaddata", *fixture_files(), verbosity=0)

    def _analyse(self) -> None:
        with auth_context():
            tenants = list(Tenant.objects.filter(name__in=DEMO_TENANTS).order_by("name"))
        for tenant in tenants:
            with tenant_context(tenant.pk, reason="the demo asks whether there is an analysis"):
                analysed = AnalysisRecord.objects.filter(kind=AnalysisKind.FORECAST).exists()
            if not analysed:
                self.stdout.write(f"Analysing {tenant.name} as of {DEMO_AS_OF:%d %B %Y}")
                call_command("refresh", tenant=str(tenant.pk), as_of=DEMO_AS_OF.isoformat(), stdout=self.stdout)

    def _announce(self, port: int) -> None:
        users = "\n".join(f"  {user.email} / {user.password}" for user in DEFAULT_USERS)
        server = f"http://{HOST}:{port}"
        self.stdout.write(
            f"\nAdmin     {server}{reverse('admin:index')}\n"
            f"API       {server}{reverse('projects-list')}  (and the other lists beside it)\n"
            f"API docs  {server}{reverse('api-docs')}\n\n"
            f"Demo users (password after the slash)\n{users}\n\n"
            "Ctrl-C stops the server and the worker beside it; `make stop` stops the embedded PostgreSQL.\n"
        )
        self.stdout.flush()


def check_port_is_free(port: int) -> None:
    """Raise CommandError, before the long part begins, when something else serves on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} of {HOST} cannot be used ({error}). Choose another: make run PORT=8001"
            ) from None


def fixture_files() -> list[Path]:
    """Return the project's fixtures in the order of their names."""
    return sorted(path for directory in settings.FIXTURE_DIRS for path in Path(directory).glob("*.json"))


def start_worker() -> None:
    """Start a worker that ends with this process, whatever that has become and however it ends.

    Its standard input is a pipe that nothing is written to: we hold the other end, also as the application server.
    """
    arguments = [sys.executable, "manage.py", "worker", "--until-stdin-closes", "--grace", str(WORKER_GRACE_S)]
    worker = subprocess.Popen(arguments, cwd=settings.BASE_DIR, stdin=subprocess.PIPE)  # noqa: S603 - our own command
    if worker.stdin is not None:
        os.set_inheritable(worker.stdin.fileno(), True)


def serve(port: int) -> None:
    """Become the application server: signals then reach it directly, and it ends with the terminal's Ctrl-C."""
    connections.close_all()
    os.environ.setdefault("PUBLIC_URL", f"http://{HOST}:{port}")  # links in mails lead to this server
    os.chdir(settings.BASE_DIR)
    arguments = ["-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(port)]
    arguments += ["--blocking-threads", str(BLOCKING_THREADS), "--log-level", "warning", "stratibreak.wsgi:application"]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - no shell is wanted

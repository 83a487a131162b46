"""Open an organisation with its first administrator."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from tenants.domain.organisations import open_organisation
from tenants.encryption.errors import KeyRingMisconfigured
from tenants.isolation.owner import OwnerCommand


class Command(OwnerCommand):
    """Makes the organisation, its data key and its first administrator in one transaction, audited."""

    help = "Open an organisation: its row, its data key and its first administrator."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="the organisation's name, unique in the installation")
        parser.add_argument("--admin-email", required=True, metavar="ADDRESS", help="logs in with this address")
        parser.add_argument("--time-zone", default="UTC", metavar="ZONE", help="IANA name, such as Europe/Berlin")
        parser.add_argument("--reason", default="manage.py create_tenant", help="kept in the audit trail")
        # Never an option's value: it would stand in the process list and in the shell's history.
        parser.add_argument(
            "--ask-password",
            action="store_true",
            help="prompt for the administrator's password; otherwise they cannot log in until one is set",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = _ask_password() if options["ask_password"] else None
        try:
            tenant, user = open_organisation(
                name=options["name"],
                time_zone=options["time_zone"],
                admin_email=options["admin_email"],
                admin_password=password,
                reason=options["reason"],
            )
        except ValidationError as error:
            raise CommandError(f"Nothing was made. {_sentence(error)}") from error
        except KeyRingMisconfigured as error:
            raise CommandError(f"Nothing was made. {error}") from error
        self.stdout.write(f"Organisation “{tenant.name}” is open: {tenant.pk}")
        if password is None:
            self.stdout.write(f"Give its administrator a password: manage.py changepassword {user.email}")
        else:
            self.stdout.write(f"Its administrator logs in as {user.email}.")


def _ask_password() -> str:
    """Raises CommandError when the two entries differ or the password is too weak."""
    password = getpass.getpass("Password of the administrator: ")
    if password != getpass.getpass("The same again: "):
        raise CommandError("The passwords differ. Nothing was made.")
    try:
        validate_password(password)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
    return password


def _sentence(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items())

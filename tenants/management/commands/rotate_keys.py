"""Replace the keys that secrets are encrypted with."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from tenants.domain.key_rotation import Rotation, rewrap_data_keys, rotate_data_key
from tenants.domain.keys import key_ring
from tenants.encryption.errors import EncryptionError, KeyRingMisconfigured
from tenants.encryption.keyring import generate_entry
from tenants.isolation.owner import OwnerCommand
from tenants.isolation.transaction import tenant_context
from tenants.management.tenant_argument import all_tenants, find_tenant
from tenants.models.tenant import Tenant


class Command(OwnerCommand):
    """Wrap data keys anew (--ring), give one tenant (--tenant) or all of them (--all) a new data key.

    Goes on where it was interrupted. A tenant that fails is reported and does not keep the others waiting.
    """

    help = (
        "--generate prints a new entry for FIELD_KEYRING; put it in front, restart, run --ring, then remove the old "
        "entry. --tenant and --all encrypt all secrets with new data keys."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--ring", action="store_true", help="wrap all data keys with the first key of FIELD_KEYRING")
        what.add_argument("--tenant", metavar="T", help="new data key for the organisation of this name or id")
        what.add_argument("--all", action="store_true", help="new data keys for all organisations")
        what.add_argument(
            "--generate", action="store_true", help="print a new entry for FIELD_KEYRING; changes nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["generate"]:
            self.stdout.write(generate_entry(_next_ring_version()))
            return
        tenants = [find_tenant(options["tenant"])] if options["tenant"] else all_tenants()
        work = self._rewrap if options["ring"] else self._rotate
        failed = [tenant for tenant in tenants if not self._succeeds(work, tenant)]
        if failed:
            raise CommandError(f"{len(failed)} of {len(tenants)} organisations need attention: see above.")
        if options["ring"]:
            self.stdout.write(f"All data keys are wrapped with key {key_ring().primary_version}.")

    def _succeeds(self, work: Any, tenant: Tenant) -> bool:
        try:
            succeeded: bool = work(tenant)
        except KeyRingMisconfigured as error:
            raise CommandError(str(error)) from error
        except EncryptionError as error:
            self.stderr.write(f"{tenant.name}: {error}")
            return False
        return succeeded

    def _rewrap(self, tenant: Tenant) -> bool:
        with tenant_context(tenant.pk, reason="rotate_keys --ring"):
            rewrapped = rewrap_data_keys(tenant_id=tenant.pk)
        self.stdout.write(f"{tenant.name}: {rewrapped} data keys wrapped.")
        return True

    def _rotate(self, tenant: Tenant) -> bool:
        rotation = rotate_data_key(tenant_id=tenant.pk, at=timezone.now(), progress=self._show_progress)
        self.stdout.write(
            f"{tenant.name}: data key {rotation.version}, {rotation.resealed} secrets encrypted again, "
            f"{rotation.destroyed_keys} older keys destroyed."
        )
        self._show_unreadable(rotation)
        return not rotation.unreadable

    def _show_progress(self, place: str, done: int) -> None:
        if self.stdout.isatty():
            self.stdout.write(f"  {place}: {done}")

    def _show_unreadable(self, rotation: Rotation) -> None:
        for place in rotation.unreadable:
            self.stderr.write(f"  cannot be decrypted, left as it is: {place}")
        if rotation.unreadable:
            self.stderr.write("  The older keys were kept. Enter these secrets again, then repeat the command.")


def _next_ring_version() -> int:
    """One more than the ring's highest, 1 where there is no ring yet."""
    try:
        return max(key_ring().versions) + 1
    except KeyRingMisconfigured:
        return 1

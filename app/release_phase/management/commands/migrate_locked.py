"""`migrate_locked`: Django's `migrate`, by one process at a time, the others waiting for their turn."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from release_phase.lock import LockTimeoutError, migration_lock


class Command(BaseCommand):
    help = "Applies migrations under a lock, so that any number may be started at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--wait", type=float, default=300.0, help="Seconds to wait for the lock (300).")

    def handle(self, *, wait: float, verbosity: int, **options: Any) -> None:
        try:
            with migration_lock(connection, wait):
                if connection.vendor == "postgresql":
                    # Requests are cut off after seconds, but filling a new column may rightly take minutes. The limit
                    # on waiting for locks stays: a migration must not hold up the app behind it.
                    with connection.cursor() as cursor:
                        cursor.execute("SET statement_timeout = 0")
                call_command("migrate", interactive=False, verbosity=verbosity)
        except LockTimeoutError as error:
            raise CommandError(str(error)) from error

"""Whether the database answers within a second."""

import logging
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from functools import cache

from django.db import DatabaseError, connection

BOUND_S = 1.0

logger = logging.getLogger(__name__)


def check_database() -> str:
    """Returns "ok", "failed" or "timed out". Never takes longer than `BOUND_S` seconds."""
    # In a thread of its own, because no setting of the driver bounds connecting below two seconds, and a query to a
    # host that went silent is bounded by nothing at all.
    check = _executor().submit(_select_one)
    try:
        check.result(timeout=BOUND_S)
    except StillRunning:
        # A check that has not begun need not begin any more; one that has blocks the next until it gives up.
        check.cancel()
        logger.warning("the database did not answer in %s s", BOUND_S)
        return "timed out"
    except DatabaseError as error:
        # The kind only: the driver's text names hosts and users.
        logger.warning("the database check failed: %s", type(error).__name__)
        return "failed"
    return "ok"


@cache
def _executor() -> ThreadPoolExecutor:
    # Made at the first check and not at import: threads do not survive uWSGI's fork.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="database-check")


def _select_one() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    finally:
        # This thread's connection goes back to the pool; nothing else would return it.
        connection.close()

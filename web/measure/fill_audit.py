"""Fills the audit log of a Postern that isn't running: fill_audit.py DATABASE COUNT. For measurements only."""

import sqlite3
import sys

ACTIONS = ["certificate.generate", "account.check", "session.start", "test_email.send", "certificate.edit"]
# Times are kept in milliseconds.
STEP = 1_000


def entries(count, newest):
    """Older than what is there, one a second, from a few people about many things."""
    for n in range(count):
        yield (newest - (n + 1) * STEP, f"user:anna{n % 7}", "192.0.2.10", ACTIONS[n % 5], f"target {n % 50_000}", "done", "{}")


database = sqlite3.connect(sys.argv[1])
(oldest,) = database.execute("SELECT min(at) FROM audit").fetchone()
with database:
    database.executemany(
        "INSERT INTO audit (at, actor, source, action, target, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
        entries(int(sys.argv[2]), oldest),
    )

"""Fills the queue of a Postern that isn't running: fill_messages.py DATABASE COUNT WAITING. For measurements only.

COUNT messages were sent, one every two seconds, each with its recipient, its attempt and its part in the chart; the newest
WAITING of them still wait for an account that is nobody's.
"""

import sqlite3
import sys
import uuid

STEP_MS = 2_000
STRETCH_MS = 300_000
DAY_MS = 86_400_000
LANES = 200


def message_id(at, n):
    """A UUIDv7 of this time (RFC 9562 section 5.7)."""
    return str(uuid.UUID(int=at << 80 | 0x7 << 76 | 0x2 << 62 | n))


def message(n, at, waits):
    subject = f"report {n} of machine {n % 997}"
    to = f"person{n % 5000}@fabrikam.example"
    return {
        "id": message_id(at, n), "lane_id": 1 + n % LANES, "state": "queued" if waits else "sent", "state_since": at + 400,
        "next_attempt_at": at + 50 * DAY_MS if waits else None, "expires_at": at + 90 * DAY_MS, "attempt": 0 if waits else 1,
        "tries": 0 if waits else 1, "started_at": at, "node": "here", "node_run": None, "leased_until": None, "code": None,
        "text": None, "has_content": 0, "received_at": at, "submitter_id": None, "submitter_name": "scanner",
        "source": "192.0.2.9", "from_address": "scanner@contoso.example", "recipients": 1, "first_recipient": to, "ret": None,
        "envid": None, "header_from": "scanner@contoso.example", "subject": subject, "message_id": f"{n}@scanner",
        "size_octets": 10_000, "header_octets": 300, "eight_bit": 0, "international": 0, "notes": "{}",
        "search_text": f"scanner@contoso.example\n{subject}\n{n}@scanner\nscanner\n{to}",
    }


def fill(database, count, waiting):
    (now,) = database.execute("SELECT max(at) FROM audit").fetchone()
    account = str(uuid.UUID(int=7))
    database.executemany(
        "INSERT INTO lanes (id, account_id, mailbox, counters) VALUES (?, ?, ?, '{}')",
        ((1 + n, account, f"mailbox{n}@contoso.example") for n in range(LANES)),
    )
    first = now - count * STEP_MS
    messages = (message(n, first + n * STEP_MS, n >= count - waiting) for n in range(count))
    columns = list(message(0, first, False))
    places = ", ".join(f":{column}" for column in columns)
    database.executemany(f"INSERT INTO messages ({', '.join(columns)}) VALUES ({places})", messages)
    database.execute("INSERT INTO recipients (message_id, position, address) SELECT id, 0, first_recipient FROM messages")
    database.execute(
        "INSERT INTO attempts (message_id, number, node, started_at, ended_at, outcome, via) "
        "SELECT id, 1, 'here', received_at, state_since, 'delivered', 'graph' FROM messages WHERE state = 'sent'"
    )
    database.execute(
        "INSERT INTO history (at, account_id, writer, accepted, sent, deferred, failed) "
        f"SELECT received_at / {STRETCH_MS} * {STRETCH_MS}, '{account}', 0, count(*), sum(state = 'sent'), 0, 0 FROM messages GROUP BY 1"
    )


database = sqlite3.connect(sys.argv[1])
with database:
    fill(database, int(sys.argv[2]), int(sys.argv[3]))

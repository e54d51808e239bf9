"""The tables. Times are Unix seconds; documents are JSON."""

from __future__ import annotations

VERSION = 1

EXPIRING = [
    ("conversations", "expires"),
    ("response_events", "expires"),
    ("responses", "expires"),
    ("sessions", "expires"),
    ("activity", "expires"),
    ("suspensions", "expires"),
    ("used", "expires"),
]
"""(table, column with the time from which on a row counts no more)"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS conversations (
    owner TEXT, id TEXT, created REAL NOT NULL, updated REAL NOT NULL, metadata BLOB NOT NULL, expires REAL NOT NULL,
    PRIMARY KEY (owner, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS conversations_by_time ON conversations (owner, updated, id);
CREATE INDEX IF NOT EXISTS conversations_by_expiry ON conversations (expires);

CREATE TABLE IF NOT EXISTS turns (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL, conversation TEXT NOT NULL, id TEXT NOT NULL, data BLOB NOT NULL,
    UNIQUE (owner, conversation, id),
    FOREIGN KEY (owner, conversation) REFERENCES conversations (owner, id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS responses (
    owner TEXT, id TEXT, at REAL NOT NULL, status TEXT NOT NULL, process TEXT NOT NULL,
    document BLOB NOT NULL, input_items BLOB NOT NULL, last_event INTEGER NOT NULL, expires REAL NOT NULL,
    PRIMARY KEY (owner, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS responses_by_process ON responses (process, status);
CREATE INDEX IF NOT EXISTS responses_by_expiry ON responses (expires);

CREATE TABLE IF NOT EXISTS response_events (
    owner TEXT, response TEXT, number INTEGER, data BLOB NOT NULL, expires REAL NOT NULL,
    PRIMARY KEY (owner, response, number),
    FOREIGN KEY (owner, response) REFERENCES responses (owner, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS response_events_by_expiry ON response_events (expires);

CREATE TABLE IF NOT EXISTS sessions (
    owner TEXT, id TEXT, started REAL NOT NULL, active REAL NOT NULL,
    counters BLOB NOT NULL, peaks BLOB NOT NULL, facts BLOB NOT NULL, expires REAL NOT NULL,
    PRIMARY KEY (owner, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (expires);

CREATE TABLE IF NOT EXISTS session_entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL, session TEXT NOT NULL, id TEXT NOT NULL, data BLOB NOT NULL,
    UNIQUE (owner, session, id),
    FOREIGN KEY (owner, session) REFERENCES sessions (owner, id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS activity (
    process TEXT, owner TEXT, session TEXT, at REAL NOT NULL, expires REAL NOT NULL,
    PRIMARY KEY (process, owner, session)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS suspensions (
    owner TEXT, session TEXT, reason TEXT NOT NULL, at REAL NOT NULL, expires REAL NOT NULL,
    PRIMARY KEY (owner, session)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS processes (name TEXT PRIMARY KEY, beat REAL NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS used (
    client TEXT, budget TEXT, window_number INTEGER NOT NULL, amount INTEGER NOT NULL, expires REAL NOT NULL,
    PRIMARY KEY (client, budget)
) WITHOUT ROWID;
"""

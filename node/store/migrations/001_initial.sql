-- One row: which database this is. The identity file names `id` (rule A13).
CREATE TABLE database (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id BLOB NOT NULL CHECK (length(id) = 16),
    created_at_ms INTEGER NOT NULL
);

CREATE TABLE tasks (
    seq INTEGER PRIMARY KEY,                    -- order of arrival
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    state TEXT NOT NULL CHECK (state IN ('undecided', 'decided', 'refused', 'expired')),
    role TEXT NOT NULL CHECK (role IN ('opener', 'member')),
    opened_at_ms INTEGER NOT NULL,
    not_after_ms INTEGER NOT NULL,
    verdict BLOB NOT NULL DEFAULT x'' CHECK (length(verdict) IN (0, 32)),
    secret BLOB NOT NULL CHECK (length(secret) IN (0, 32)),  -- empty: slots are forgotten
    kind INTEGER NOT NULL,
    ctx BLOB NOT NULL,
    signer BLOB NOT NULL,
    signature BLOB NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX tasks_undecided ON tasks (seq) WHERE state = 'undecided';
CREATE INDEX tasks_with_secret ON tasks (not_after_ms) WHERE length(secret) > 0;

CREATE TABLE slots (
    seq INTEGER PRIMARY KEY,
    task BLOB NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    round INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    view INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    ctx BLOB NOT NULL,
    signer BLOB NOT NULL,
    signature BLOB NOT NULL,
    secret BLOB NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (task, round, stage, view, kind)
);

-- The database itself refuses to equivocate: a slot is written once and never changed.
CREATE TRIGGER slot_conflict BEFORE INSERT ON slots
WHEN EXISTS (
    SELECT 1 FROM slots AS held
    WHERE held.task = NEW.task AND held.round = NEW.round AND held.stage = NEW.stage
        AND held.view = NEW.view AND held.kind = NEW.kind
        AND (held.ctx <> NEW.ctx OR held.signer <> NEW.signer
            OR held.signature <> NEW.signature OR held.secret <> NEW.secret
            OR held.payload <> NEW.payload)
)
BEGIN
    SELECT RAISE(ABORT, 'slot conflict');
END;
CREATE TRIGGER slot_fixed BEFORE UPDATE ON slots
BEGIN
    SELECT RAISE(ABORT, 'slot conflict');
END;
CREATE TRIGGER slot_forgotten BEFORE INSERT ON slots
WHEN EXISTS (SELECT 1 FROM tasks WHERE id = NEW.task AND length(secret) = 0)
BEGIN
    SELECT RAISE(ABORT, 'task forgotten');
END;

CREATE TRIGGER task_conflict BEFORE INSERT ON tasks
WHEN EXISTS (
    SELECT 1 FROM tasks AS held WHERE held.id = NEW.id AND held.secret <> NEW.secret
)
BEGIN
    SELECT RAISE(ABORT, 'task conflict');
END;

CREATE TABLE verdicts (
    seq INTEGER PRIMARY KEY,
    task BLOB NOT NULL UNIQUE REFERENCES tasks (id),
    id BLOB NOT NULL CHECK (length(id) = 32),
    decided_at_ms INTEGER NOT NULL,
    size INTEGER NOT NULL,
    summary TEXT NOT NULL,
    bundle BLOB NOT NULL
);
CREATE INDEX verdicts_id ON verdicts (id);
CREATE INDEX verdicts_newest ON verdicts (decided_at_ms);
CREATE TRIGGER verdict_conflict BEFORE INSERT ON verdicts
WHEN EXISTS (
    SELECT 1 FROM verdicts AS held WHERE held.task = NEW.task AND held.id <> NEW.id
)
BEGIN
    SELECT RAISE(ABORT, 'verdict conflict');
END;

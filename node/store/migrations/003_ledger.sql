-- The ledger (rule L1): append-only, each row chained to the one before by `head`.
CREATE TABLE facts (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
    task BLOB NOT NULL CHECK (length(task) IN (0, 32)),  -- empty: evidence is of no task
    body BLOB NOT NULL,
    proof BLOB NOT NULL,                                 -- empty: the verdict itself proves it
    head BLOB NOT NULL CHECK (length(head) = 32)
);
CREATE TRIGGER fact_fixed BEFORE UPDATE ON facts
BEGIN
    SELECT RAISE(ABORT, 'fact conflict');
END;
CREATE TRIGGER fact_kept BEFORE DELETE ON facts
BEGIN
    SELECT RAISE(ABORT, 'fact conflict');
END;

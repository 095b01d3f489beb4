-- Facts of kind 5 (rule E4). SQLite changes no check in place, so the table is made anew: it says that
-- a kind is one byte, and the program which of them there are.
CREATE TABLE facts_again (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 255),
    task BLOB NOT NULL CHECK (length(task) IN (0, 32)),  -- empty: evidence is of no task
    body BLOB NOT NULL,
    proof BLOB NOT NULL,                                 -- empty: the verdict itself proves it
    head BLOB NOT NULL CHECK (length(head) = 32)
);
INSERT INTO facts_again SELECT seq, id, kind, task, body, proof, head FROM facts;
DROP TABLE facts;
ALTER TABLE facts_again RENAME TO facts;
CREATE TRIGGER fact_fixed BEFORE UPDATE ON facts
BEGIN
    SELECT RAISE(ABORT, 'fact conflict');
END;
CREATE TRIGGER fact_kept BEFORE DELETE ON facts
BEGIN
    SELECT RAISE(ABORT, 'fact conflict');
END;

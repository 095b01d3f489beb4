-- Tasks opened before `since_ms` may hold votes of ours that this database never saw: they are
-- followed without a vote (A13). 0: it has them all.
ALTER TABLE database ADD COLUMN since_ms INTEGER NOT NULL DEFAULT 0;
-- Commits that held a signed envelope. It only grows, so an older copy of this file says less.
ALTER TABLE database ADD COLUMN signings INTEGER NOT NULL DEFAULT 0;

-- What stays of a decided task whose verdict was pruned: enough to know it again.
CREATE TABLE pruned (
    task BLOB NOT NULL PRIMARY KEY CHECK (length(task) = 32),
    seq INTEGER NOT NULL,                       -- of its task: order of arrival
    verdict BLOB NOT NULL CHECK (length(verdict) = 32),
    opener BLOB NOT NULL,
    not_after_ms INTEGER NOT NULL,
    decided_at_ms INTEGER NOT NULL,
    pruned_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX pruned_seq ON pruned (seq);
CREATE INDEX pruned_verdict ON pruned (verdict);

-- A pruned task is never taken up again.
CREATE TRIGGER task_pruned BEFORE INSERT ON tasks
WHEN EXISTS (SELECT 1 FROM pruned WHERE task = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'task forgotten');
END;

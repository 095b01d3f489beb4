-- People's notes for tasks, from their receipt on (rule R1c): a commit may carry one only once it is here.
CREATE TABLE notes (
    task BLOB NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    id BLOB NOT NULL CHECK (length(id) = 32),
    body BLOB NOT NULL,
    PRIMARY KEY (task, id)
) WITHOUT ROWID;

//! SQLite: queries with functions, aggregates, collations and errors of ours in them.

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Error};

use crate::{Here, same_as_on_a_thread};

const SETUP: &str = "
    CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT COLLATE ours, value INTEGER);
    CREATE INDEX by_name ON t(name);
    CREATE TRIGGER changed AFTER UPDATE ON t BEGIN SELECT visit(new.value); END;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
        INSERT INTO t SELECT i, printf('n%03d', (i * 7919) % 601), (i * i) % 1009 FROM n;
";

const QUERIES: [&str; 6] = [
    "SELECT group_concat(name, ',') FROM (SELECT name FROM t WHERE visit(value) > 500 ORDER BY name LIMIT 50)",
    "SELECT count(*) || ' ' || sum(visit(a.value) * b.value) FROM t a JOIN t b ON a.id = b.id + 1",
    "WITH RECURSIVE f(n, a, b) AS (SELECT 0, 0, 1 UNION ALL SELECT n + 1, b, visit(a) + b FROM f WHERE n < 60)
        SELECT group_concat(a) FROM f",
    "SELECT group_concat(fails(value)) FROM t",
    "SELECT visit(max(value)) || ' ' || min(name) FROM t GROUP BY value % 7 ORDER BY name DESC LIMIT 1",
    "SELECT (SELECT count(visit(value)) FROM t WHERE name > (SELECT min(name) FROM t WHERE id > 590)) || ''",
];

fn open(here: Here) -> Connection {
    let db = Connection::open_in_memory().unwrap();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let visit = move |context: &rusqlite::functions::Context<'_>| {
        here.come_by();
        context.get::<i64>(0)
    };
    db.create_scalar_function("visit", 1, flags, visit).unwrap();
    let fails = move |context: &rusqlite::functions::Context<'_>| {
        here.come_by();
        let value = context.get::<i64>(0)?;
        if value == 1000 { Err(Error::UserFunctionError("a thousand".into())) } else { Ok(value) }
    };
    db.create_scalar_function("fails", 1, flags, fails).unwrap();
    db.create_collation("ours", move |a, b| {
        here.come_by();
        b.len().cmp(&a.len()).then_with(|| b.cmp(a))
    })
    .unwrap();
    db
}

fn run(here: Here) -> String {
    let db = open(here);
    db.execute_batch(SETUP).unwrap();
    let mut text = String::new();
    for round in 0..4 {
        for query in QUERIES {
            let result = db.query_row(query, [], |row| row.get::<_, String>(0));
            text += &format!("{round}: {}\n", result.unwrap_or_else(|error| error.to_string()));
        }
        let changed = db.execute("UPDATE t SET value = value + 1 WHERE visit(id) % 3 = ?1", [round % 3]);
        text += &format!("{round}: {changed:?} changed\n");
    }
    text
}

#[test]
fn sqlite_gives_the_same_answers() {
    same_as_on_a_thread(run);
}

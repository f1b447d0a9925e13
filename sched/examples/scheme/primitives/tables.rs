//! Hash tables: the part that calls no procedure of the program. The rest is in `prelude/hash-tables.scm`.
//!
//! ```text
//!   table     buckets   count   equivalence   same?   hash function          the last two for an equivalence of the program's own
//!               │
//!               ▼
//!             #(entry-or-#f …)            a power of two
//!               │
//!               ▼
//!   entry     #(key value next-or-#f hash)
//! ```

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Header, Kind, ObjectRef};
use crate::scheme::value::Value;

use super::check::{self, object};
use super::equality::{equal, same};
use super::{Outcome, Primitive, hashing};

/// The fields of a table.
const BUCKETS: usize = 1;
const COUNT: usize = 2;
const EQUIVALENCE: usize = 3;
const SAME: usize = 4;
const HASH_FUNCTION: usize = 5;
const FIELDS: usize = 5;

/// The fields of an entry, a vector.
const KEY: usize = 1;
const VALUE: usize = 2;
const NEXT: usize = 3;
const HASH: usize = 4;

/// Buckets of a new table.
const FEWEST: usize = 8;

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("hash-table?", |_, v| Ok(Value::boolean(ObjectRef::of(v, Kind::Table).is_some()))),
        Primitive::three("%make-table", make),
        Primitive::one("%table-like", |machine, table| {
            let table = of("hash-table-copy", table)?;
            make(machine, table.field(EQUIVALENCE), table.field(SAME), table.field(HASH_FUNCTION))
        }),
        Primitive::one("%table-standard?", |_, table| {
            Ok(Value::boolean(Equivalence::of(of("hash-table-ref", table)?).is_some()))
        }),
        Primitive::one("%table-same", |_, table| Ok(of("hash-table-ref", table)?.field(SAME))),
        Primitive::one("%table-hash-function", |_, table| {
            Ok(of("hash-table-ref", table)?.field(HASH_FUNCTION))
        }),
        Primitive::two("%table-find", find),
        Primitive::three("%table-set!", set),
        Primitive::two("%table-bucket", |_, table, hash| {
            let table = of("hash-table-ref", table)?;
            Ok(bucket(table, check::index("hash-table-ref", 2, hash)?).1)
        }),
        Primitive::four("%table-add!", add),
        Primitive::two("%table-remove!", remove),
        Primitive::one("hash-table-size", |_, table| Ok(of("hash-table-size", table)?.field(COUNT))),
        Primitive::one("hash-table-clear!", clear),
        Primitive::one("%table-entries", entries),
    ]
}

/// The equivalences that need no call.
#[derive(Clone, Copy, Debug)]
enum Equivalence {
    Identical,
    SameNumber,
    SameStructure,
}

impl Equivalence {
    /// That of a table; `None` if it is one of the program's own.
    fn of(table: ObjectRef) -> Option<Equivalence> {
        match table.field(EQUIVALENCE).as_fixnum()? {
            0 => Some(Equivalence::Identical),
            1 => Some(Equivalence::SameNumber),
            2 => Some(Equivalence::SameStructure),
            _ => None,
        }
    }

    fn hash(self, key: Value) -> u64 {
        match self {
            Equivalence::Identical => hashing::identity(key),
            Equivalence::SameNumber => hashing::number_or_identity(key),
            Equivalence::SameStructure => hashing::structure(key),
        }
    }

    fn holds(self, a: Value, b: Value) -> bool {
        match self {
            Equivalence::Identical => a == b,
            Equivalence::SameNumber => same(a, b),
            Equivalence::SameStructure => equal(a, b),
        }
    }
}

fn of(name: &'static str, table: Value) -> Result<ObjectRef, Fault> {
    object(name, 1, table, Kind::Table)
}

fn make(machine: &Machine<'_>, equivalence: Value, same: Value, hash: Value) -> Outcome {
    let buckets = machine.vector(FEWEST, Value::FALSE)?;
    let fields = [buckets, Value::index(0), equivalence, same, hash];
    machine.object(Header::with_length(Kind::Table, FIELDS), &fields)
}

/// The bucket of a hash: which word of the vector it is, and its first entry.
fn bucket(table: ObjectRef, hash: usize) -> (usize, Value) {
    let Some(buckets) = ObjectRef::of(table.field(BUCKETS), Kind::Vector) else { return (1, Value::FALSE) };
    let word = 1 + (hash & (buckets.header().length() - 1));
    (word, buckets.field(word))
}

/// The entries of a bucket, from `first` on.
fn chain(first: Value) -> impl Iterator<Item = ObjectRef> {
    std::iter::successors(ObjectRef::of(first, Kind::Vector), |entry| {
        ObjectRef::of(entry.field(NEXT), Kind::Vector)
    })
}

/// The entry of `key`, or `#f`.
fn find(_: &Machine<'_>, table: Value, key: Value) -> Outcome {
    let table = of("hash-table-ref", table)?;
    Ok(found(table, key).map_or(Value::FALSE, ObjectRef::value))
}

fn found(table: ObjectRef, key: Value) -> Option<ObjectRef> {
    let equivalence = Equivalence::of(table)?;
    let hash = equivalence.hash(key) as usize;
    let is_it = |entry: &ObjectRef| {
        entry.field(HASH) == Value::index(hash) && equivalence.holds(entry.field(KEY), key)
    };
    chain(bucket(table, hash).1).find(is_it)
}

fn set(machine: &Machine<'_>, table: Value, key: Value, value: Value) -> Outcome {
    let object = of("hash-table-set!", table)?;
    if let Some(entry) = found(object, key) {
        machine.store(entry, VALUE, value);
        return Ok(Value::UNSPECIFIED);
    }
    let hash = Equivalence::of(object).map_or(0, |equivalence| equivalence.hash(key));
    add(machine, table, Value::index(hash as usize), key, value)
}

/// Adds an entry for a key that has none.
fn add(machine: &Machine<'_>, table: Value, hash: Value, key: Value, value: Value) -> Outcome {
    let object = of("hash-table-set!", table)?;
    let index = check::index("hash-table-set!", 2, hash)?;
    let header = Header::with_length(Kind::Vector, 4);
    let entry = machine.object(header, &[key, value, Value::FALSE, hash])?;
    let count = object.field(COUNT).as_index().unwrap_or(0) + 1;
    machine.store(object, COUNT, Value::index(count));
    grow(machine, object, count)?;
    link(machine, object, index, entry);
    Ok(Value::UNSPECIFIED)
}

/// Puts an entry at the head of its bucket.
fn link(machine: &Machine<'_>, table: ObjectRef, hash: usize, entry: Value) {
    let (word, first) = bucket(table, hash);
    if let (Some(entry), Some(buckets)) =
        (ObjectRef::of(entry, Kind::Vector), ObjectRef::of(table.field(BUCKETS), Kind::Vector))
    {
        machine.store(entry, NEXT, first);
        machine.store(buckets, word, entry.value());
    }
}

/// Doubles the buckets when there are as many entries, so that buckets stay short.
fn grow(machine: &Machine<'_>, table: ObjectRef, count: usize) -> Result<(), Fault> {
    let old = object("hash-table-set!", 1, table.field(BUCKETS), Kind::Vector)?;
    let length = old.header().length();
    if count <= length {
        return Ok(());
    }
    let buckets = machine.vector(2 * length, Value::FALSE)?;
    machine.store(table, BUCKETS, buckets);
    for i in 1..=length {
        let mut rest = old.field(i);
        while let Some(entry) = ObjectRef::of(rest, Kind::Vector) {
            rest = entry.field(NEXT);
            link(machine, table, entry.field(HASH).as_index().unwrap_or(0), entry.value());
        }
    }
    Ok(())
}

/// Removes an entry that `%table-find` or a walk along a bucket has found.
fn remove(machine: &Machine<'_>, table: Value, entry: Value) -> Outcome {
    let table = of("hash-table-delete!", table)?;
    let gone = object("hash-table-delete!", 2, entry, Kind::Vector)?;
    let (word, first) = bucket(table, gone.field(HASH).as_index().unwrap_or(0));
    let buckets = object("hash-table-delete!", 1, table.field(BUCKETS), Kind::Vector)?;
    if first == entry {
        machine.store(buckets, word, gone.field(NEXT));
    } else if let Some(before) = chain(first).find(|before| before.field(NEXT) == entry) {
        machine.store(before, NEXT, gone.field(NEXT));
    } else {
        return Ok(Value::UNSPECIFIED);
    }
    let count = table.field(COUNT).as_index().unwrap_or(0);
    machine.store(table, COUNT, Value::index(count.saturating_sub(1)));
    Ok(Value::UNSPECIFIED)
}

fn clear(machine: &Machine<'_>, table: Value) -> Outcome {
    let object = of("hash-table-clear!", table)?;
    let buckets = machine.vector(FEWEST, Value::FALSE)?;
    machine.store(object, BUCKETS, buckets);
    machine.store(object, COUNT, Value::index(0));
    Ok(Value::UNSPECIFIED)
}

/// A list of all entries.
fn entries(machine: &Machine<'_>, table: Value) -> Outcome {
    let buckets =
        object("hash-table->alist", 1, of("hash-table->alist", table)?.field(BUCKETS), Kind::Vector)?;
    let mut list = Value::NIL;
    for i in 1..=buckets.header().length() {
        let mut rest = buckets.field(i);
        while let Some(entry) = ObjectRef::of(rest, Kind::Vector) {
            list = machine.pair(entry.value(), list)?;
            rest = entry.field(NEXT);
        }
    }
    Ok(list)
}

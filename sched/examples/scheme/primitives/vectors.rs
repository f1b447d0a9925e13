//! Vectors.

use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::bytevectors::part;
use super::check::{self, character, object, range};
use super::strings::codes_of;
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("vector", 0, vector),
        Primitive::many("make-vector", 1, make),
        Primitive::one("vector-length", |_, v| {
            Ok(Value::index(object("vector-length", 1, v, Kind::Vector)?.header().length()))
        }),
        Primitive::two("vector-ref", vector_ref),
        Primitive::three("vector-set!", vector_set),
        Primitive::many("vector-fill!", 2, fill),
        Primitive::many("vector-copy", 1, copy),
        Primitive::many("vector-copy!", 3, copy_into),
        Primitive::many("vector-append", 0, append),
        Primitive::two("vector-grow", grow),
        Primitive::many("vector->list", 1, to_list),
        Primitive::one("list->vector", from_list),
        Primitive::many("string->vector", 1, from_string),
        Primitive::many("vector->string", 1, to_string),
    ]
}

fn vector(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let vector = new(machine, all.len())?;
    all.iter().enumerate().for_each(|(i, value)| machine.store(vector, 1 + i, value));
    Ok(vector.value())
}

/// A vector to be filled before the next safepoint, or later with barriers.
fn new(machine: &Machine<'_>, length: usize) -> Result<ObjectRef, crate::scheme::fault::Fault> {
    object("make-vector", 1, machine.vector(length, Value::UNSPECIFIED)?, Kind::Vector)
}

fn make(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("make-vector", 2)?;
    let length = check::index("make-vector", 1, all.get(0).unwrap_or(Value::NIL))?;
    machine.vector(length, all.get(1).unwrap_or(Value::UNSPECIFIED))
}

fn vector_ref(_: &Machine<'_>, vector: Value, index: Value) -> Outcome {
    let vector = object("vector-ref", 1, vector, Kind::Vector)?;
    Ok(vector.field(1 + check::element("vector-ref", index, vector.header().length())?))
}

fn vector_set(machine: &Machine<'_>, vector: Value, index: Value, value: Value) -> Outcome {
    let vector = object("vector-set!", 1, vector, Kind::Vector)?;
    let index = check::element("vector-set!", index, vector.header().length())?;
    machine.store(vector, 1 + index, value);
    Ok(Value::UNSPECIFIED)
}

fn fill(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("vector-fill!", 4)?;
    let vector = object("vector-fill!", 1, all.get(0).unwrap_or(Value::NIL), Kind::Vector)?;
    let value = all.get(1).unwrap_or(Value::UNSPECIFIED);
    for i in range("vector-fill!", vector.header().length(), all.get(2), all.get(3))? {
        machine.store(vector, 1 + i, value);
    }
    Ok(Value::UNSPECIFIED)
}

/// Copies elements from the end that cannot overwrite what is still to be copied. Both ranges have been checked.
fn move_elements(
    machine: &Machine<'_>,
    to: ObjectRef,
    at: usize,
    from: ObjectRef,
    range: std::ops::Range<usize>,
) {
    let start = range.start;
    let one = |i: usize| machine.store(to, 1 + at + i, from.field(1 + start + i));
    if at < start { (0..range.len()).for_each(one) } else { (0..range.len()).rev().for_each(one) }
}

fn copy(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let (from, range) = part("vector-copy", all, Kind::Vector, 0)?;
    let copy = new(machine, range.len())?;
    move_elements(machine, copy, 0, from, range);
    Ok(copy.value())
}

fn copy_into(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "vector-copy!";
    let to = object(name, 1, all.get(0).unwrap_or(Value::NIL), Kind::Vector)?;
    let (from, range) = part(name, all, Kind::Vector, 2)?;
    let at = check::room(name, all.get(1), to.header().length(), range.len())?;
    move_elements(machine, to, at, from, range);
    Ok(Value::UNSPECIFIED)
}

fn append(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let mut length = 0;
    for (i, value) in all.iter().enumerate() {
        length += object("vector-append", i + 1, value, Kind::Vector)?.header().length();
    }
    let joined = new(machine, length)?;
    let mut at = 0;
    for (i, value) in all.iter().enumerate() {
        let from = object("vector-append", i + 1, value, Kind::Vector)?;
        move_elements(machine, joined, at, from, 0..from.header().length());
        at += from.header().length();
    }
    Ok(joined.value())
}

/// A longer copy, whose last elements are unspecified.
fn grow(machine: &Machine<'_>, vector: Value, length: Value) -> Outcome {
    let from = object("vector-grow", 1, vector, Kind::Vector)?;
    let length = check::index("vector-grow", 2, length)?.max(from.header().length());
    let grown = new(machine, length)?;
    move_elements(machine, grown, 0, from, 0..from.header().length());
    Ok(grown.value())
}

fn to_list(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let (vector, range) = part("vector->list", all, Kind::Vector, 0)?;
    range.rev().try_fold(Value::NIL, |list, i| machine.pair(vector.field(1 + i), list))
}

fn from_list(machine: &Machine<'_>, list: Value) -> Outcome {
    let length = check::list_length("list->vector", 1, list)?;
    let vector = new(machine, length)?;
    let elements = check::elements(list).take(length);
    elements.enumerate().for_each(|(i, element)| machine.store(vector, 1 + i, element));
    Ok(vector.value())
}

fn from_string(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let (string, range) = part("string->vector", all, Kind::String, 0)?;
    let vector = new(machine, range.len())?;
    for (i, code) in codes_of(string)[range].iter().enumerate() {
        let c = char::from_u32(*code).map_or(Value::UNSPECIFIED, Value::character);
        machine.store(vector, 1 + i, c);
    }
    Ok(vector.value())
}

fn to_string(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let (vector, range) = part("vector->string", all, Kind::Vector, 0)?;
    let codes: Result<Vec<u32>, _> =
        range.map(|i| character("vector->string", 1, vector.field(1 + i)).map(u32::from)).collect();
    machine.string(codes?.into_iter())
}

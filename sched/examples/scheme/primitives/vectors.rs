//! Vectors.

use crate::scheme::machine::Machine;
use crate::scheme::object::Kind;
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{self, object, range};
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
    ]
}

fn vector(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let vector = object("vector", 1, machine.vector(all.len(), Value::UNSPECIFIED)?, Kind::Vector)?;
    all.iter().enumerate().for_each(|(i, value)| machine.store(vector, 1 + i, value));
    Ok(vector.value())
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

//! Pairs, and lists of arguments. What walks a list is in the prelude.

use crate::scheme::machine::Machine;
use crate::scheme::object::Kind;
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{list_length, object, proper_length};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::two("cons", |machine, a, d| machine.pair(a, d)),
        Primitive::one("car", |_, pair| Ok(object("car", 1, pair, Kind::Pair)?.field(1))),
        Primitive::one("cdr", |_, pair| Ok(object("cdr", 1, pair, Kind::Pair)?.field(2))),
        Primitive::two("set-car!", |machine, pair, value| set(machine, "set-car!", pair, 1, value)),
        Primitive::two("set-cdr!", |machine, pair, value| set(machine, "set-cdr!", pair, 2, value)),
        Primitive::many("list", 0, list),
        Primitive::one("length", |_, list| Ok(Value::index(list_length("length", 1, list)?))),
        Primitive::one("list?", |_, v| Ok(Value::boolean(proper_length(v).is_some()))),
    ]
}

fn set(machine: &Machine<'_>, name: &'static str, pair: Value, word: usize, value: Value) -> Outcome {
    machine.store(object(name, 1, pair, Kind::Pair)?, word, value);
    Ok(Value::UNSPECIFIED)
}

fn list(machine: &Machine<'_>, arguments: &Arguments<'_>) -> Outcome {
    arguments.iter().rev().try_fold(Value::NIL, |list, value| machine.pair(value, list))
}

//! Boxes (SRFI 111): one value each, read, written and exchanged atomically by tasks on any number of workers.

use std::sync::atomic::Ordering;

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Header, Kind, ObjectRef};
use crate::scheme::value::Value;

use super::check::object;
use super::{Outcome, Primitive};

/// The word that holds the value.
const CONTENT: usize = 1;

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("box", |machine, value| machine.object(Header::plain(Kind::Box), &[value])),
        Primitive::one("box?", |_, v| Ok(Value::boolean(ObjectRef::of(v, Kind::Box).is_some()))),
        Primitive::one("unbox", |_, cell| {
            Ok(Value(of("unbox", cell)?.word(CONTENT).load(Ordering::Acquire)))
        }),
        Primitive::two("set-box!", |machine, cell, value| {
            of("set-box!", cell)?.word(CONTENT).store(value.0, Ordering::SeqCst);
            machine.shade(value);
            Ok(Value::UNSPECIFIED)
        }),
        Primitive::three("box-cas!", exchange),
    ]
}

fn of(procedure: &'static str, value: Value) -> Result<ObjectRef, Fault> {
    object(procedure, 1, value, Kind::Box)
}

/// Stores `new` if the content is `old` in the sense of `eq?`; whether it was.
fn exchange(machine: &Machine<'_>, cell: Value, old: Value, new: Value) -> Outcome {
    let word = of("box-cas!", cell)?.word(CONTENT);
    let exchanged = word.compare_exchange(old.0, new.0, Ordering::SeqCst, Ordering::Acquire).is_ok();
    if exchanged {
        machine.shade(new);
    }
    Ok(Value::boolean(exchanged))
}

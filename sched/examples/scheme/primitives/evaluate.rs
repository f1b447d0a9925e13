//! Programs as data: what `load` and `eval` are made of. Each gives a procedure, for the library to call.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::Kind;
use crate::scheme::ports::channel;
use crate::scheme::value::Value;

use super::check::object;
use super::strings::text;
use super::write::{Labels, printed};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("%compiled-file", file),
        Primitive::one("%compiled-datum", |machine, datum| {
            compiled(machine, "eval", &printed(datum, true, Labels::Cycles))
        }),
        Primitive::many("environment", 0, |_, _| Ok(Value::UNSPECIFIED)),
        Primitive::many("scheme-report-environment", 0, |_, _| Ok(Value::UNSPECIFIED)),
        Primitive::many("null-environment", 0, |_, _| Ok(Value::UNSPECIFIED)),
        Primitive::none("interaction-environment", |_| Ok(Value::UNSPECIFIED)),
        Primitive::none("system-global-environment", |_| Ok(Value::UNSPECIFIED)),
    ]
}

fn compiled(machine: &Machine<'_>, file: &str, source: &str) -> Outcome {
    machine.scheme().compile(file, source).map_err(Fault::Refused)
}

fn file(machine: &Machine<'_>, path: Value) -> Outcome {
    let path = text(object("load", 1, path, Kind::String)?);
    let source = std::fs::read_to_string(&path).map_err(|error| channel::at("load", &path, &error))?;
    compiled(machine, &path, &source)
}

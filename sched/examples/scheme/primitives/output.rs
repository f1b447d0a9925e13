//! Output.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::Kind;
use crate::scheme::value::Value;

use super::check::{character, object};
use super::strings::text;
use super::write::{displayed, written};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("display", |m, v| put(m, "display", &displayed(v))),
        Primitive::one("write", |m, v| put(m, "write", &written(v))),
        Primitive::none("newline", |m| put(m, "newline", "\n")),
        Primitive::one("write-char", |m, c| {
            put(m, "write-char", &character("write-char", 1, c)?.to_string())
        }),
        Primitive::one("write-string", |m, s| {
            put(m, "write-string", &text(object("write-string", 1, s, Kind::String)?))
        }),
    ]
}

fn put(machine: &Machine<'_>, procedure: &'static str, text: &str) -> Outcome {
    let result = machine.scheme().with_output(|out| out.write_all(text.as_bytes()));
    result.map_err(|e| Fault::Unfit { procedure, what: format!("cannot write the output: {e}") })?;
    Ok(Value::UNSPECIFIED)
}

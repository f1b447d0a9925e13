//! Symbols.

use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::value::Value;

use super::check::object;
use super::strings::text;
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![Primitive::one("symbol->string", to_string), Primitive::one("string->symbol", from_string)]
}

/// The name of a symbol. The bytes live as long as the program: symbols are never freed.
pub fn name(symbol: ObjectRef) -> &'static str {
    // SAFETY: the name was stored when the symbol was made, and never changes.
    let bytes = unsafe { std::slice::from_raw_parts(symbol.data::<u8>(), symbol.header().length()) };
    // It came from a `str`.
    std::str::from_utf8(bytes).unwrap_or("?")
}

fn to_string(machine: &Machine<'_>, symbol: Value) -> Outcome {
    machine.string_from(name(object("symbol->string", 1, symbol, Kind::Symbol)?))
}

fn from_string(machine: &Machine<'_>, string: Value) -> Outcome {
    let name = text(object("string->symbol", 1, string, Kind::String)?);
    machine.symbol(&name)
}

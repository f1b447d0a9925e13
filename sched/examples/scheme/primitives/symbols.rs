//! Symbols.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::object;
use super::strings::text;
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("symbol->string", to_string),
        Primitive::one("string->symbol", from_string),
        Primitive::one("intern", from_string),
        Primitive::many("gensym", 0, generate),
    ]
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

static GENERATED: AtomicUsize = AtomicUsize::new(1);

/// A symbol that no program has written so far; the argument, if any, starts its name.
fn generate(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("gensym", 1)?;
    let hint = all.get(0).map_or_else(|| " g".to_owned(), super::write::displayed);
    machine.symbol(&format!("{hint}{}", GENERATED.fetch_add(1, Ordering::Relaxed)))
}

fn from_string(machine: &Machine<'_>, string: Value) -> Outcome {
    let name = text(object("string->symbol", 1, string, Kind::String)?);
    machine.symbol(&name)
}

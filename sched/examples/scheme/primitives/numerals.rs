//! Numbers as text.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::numbers::{parse, print};
use crate::scheme::object::Kind;
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check;
use super::strings::text;
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("number->string", 1, number_to_string),
        Primitive::many("string->number", 1, string_to_number),
    ]
}

fn radix(name: &'static str, all: &Arguments<'_>) -> Result<u32, Fault> {
    all.at_most(name, 2)?;
    let Some(value) = all.get(1) else { return Ok(10) };
    let radix = value.as_fixnum().filter(|n| (2..=36).contains(n));
    radix.map(|n| n as u32).ok_or_else(|| check::wrong(name, 2, "a radix from 2 to 36", value))
}

fn number_to_string(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "number->string";
    let radix = radix(name, all)?;
    let value = all.get(0).unwrap_or(Value::NIL);
    let number = check::complex(name, 1, value)?;
    let text = number.as_real().map_or_else(|| number.in_radix(radix), |real| print::in_radix(real, radix));
    machine.string_from(&text.ok_or_else(|| check::wrong(name, 1, "exact, or the radix 10", value))?)
}

/// `#f` for what is no number.
fn string_to_number(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "string->number";
    let radix = radix(name, all)?;
    let text = text(check::object(name, 1, all.get(0).unwrap_or(Value::NIL), Kind::String)?);
    match (parse::number(&text, radix), parse::complex(&text, radix)) {
        (Some(n), _) => machine.number(n),
        (None, Some(n)) => machine.complex(n),
        (None, None) => Ok(Value::FALSE),
    }
}

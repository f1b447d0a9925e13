//! Output.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::Kind;
use crate::scheme::ports::held::Held;
use crate::scheme::ports::{Flags, channel};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::bytevectors::{byte, bytes};
use super::check::{character, object, range};
use super::strings::codes_of;
use super::write::{Labels, printed};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("display", 1, |m, all| print(m, "display", all, false, Labels::Cycles)),
        Primitive::many("write", 1, |m, all| print(m, "write", all, true, Labels::Cycles)),
        Primitive::many("write-shared", 1, |m, all| print(m, "write-shared", all, true, Labels::Shared)),
        Primitive::many("write-simple", 1, |m, all| print(m, "write-simple", all, true, Labels::None)),
        Primitive::many("newline", 0, |m, all| put(m, "newline", all, 0, b"\n")),
        Primitive::many("write-char", 1, |m, all| {
            let c = character("write-char", 1, argument(all, 0))?;
            put(m, "write-char", all, 1, c.encode_utf8(&mut [0; 4]).as_bytes())
        }),
        Primitive::many("write-u8", 1, |m, all| {
            let byte = byte("write-u8", 1, argument(all, 0))?;
            put(m, "write-u8", all, 1, &[byte])
        }),
        Primitive::many("write-string", 1, write_string),
        Primitive::many("write-bytevector", 1, |m, all| {
            let name = "write-bytevector";
            let bytes = bytes(object(name, 1, argument(all, 0), Kind::Bytevector)?).to_vec();
            let range = range(name, bytes.len(), all.get(2), all.get(3))?;
            put(m, name, all, 1, &bytes[range])
        }),
        Primitive::many("flush-output-port", 0, |m, all| flush(m, "flush-output-port", all)),
        Primitive::many("flush-output", 0, |m, all| flush(m, "flush-output", all)),
    ]
}

fn argument(all: &Arguments<'_>, index: usize) -> Value {
    all.get(index).unwrap_or(Value::NIL)
}

/// The port in argument `index`, or the one in force, for this operation.
fn port<'m>(
    machine: &'m Machine<'_>,
    name: &'static str,
    all: &Arguments<'_>,
    index: usize,
) -> Result<Held<'m>, Fault> {
    let value = all.get(index).filter(|value| *value != Value::TRUE);
    let value = value.unwrap_or_else(|| machine.port(channel::STDOUT));
    Held::open(machine, name, index + 1, value, Flags::OUTPUT)
}

/// Writes to the port in argument `index`.
fn put(
    machine: &Machine<'_>,
    name: &'static str,
    all: &Arguments<'_>,
    index: usize,
    bytes: &[u8],
) -> Outcome {
    port(machine, name, all, index)?.put(bytes)?;
    Ok(Value::UNSPECIFIED)
}

fn print(
    machine: &Machine<'_>,
    name: &'static str,
    all: &Arguments<'_>,
    quoted: bool,
    labels: Labels,
) -> Outcome {
    put(machine, name, all, 1, printed(argument(all, 0), quoted, labels).as_bytes())
}

fn write_string(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "write-string";
    let codes = codes_of(object(name, 1, argument(all, 0), Kind::String)?);
    let range = range(name, codes.len(), all.get(2), all.get(3))?;
    let text: String = codes[range].iter().filter_map(|code| char::from_u32(*code)).collect();
    put(machine, name, all, 1, text.as_bytes())
}

fn flush(machine: &Machine<'_>, name: &'static str, all: &Arguments<'_>) -> Outcome {
    port(machine, name, all, 0)?.flush()?;
    Ok(Value::UNSPECIFIED)
}

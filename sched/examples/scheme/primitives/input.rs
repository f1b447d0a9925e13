//! Input.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::Kind;
use crate::scheme::ports::held::Held;
use crate::scheme::ports::{Flags, channel};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::bytevectors::overwrite;
use super::check::{self, object, range};
use super::{Outcome, Primitive, read};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("read-char", 0, |m, all| character(port(m, "read-char", all, 0)?.take_char()?)),
        Primitive::many("peek-char", 0, |m, all| character(port(m, "peek-char", all, 0)?.peek_char()?)),
        Primitive::many("char-ready?", 0, |m, all| port(m, "char-ready?", all, 0).map(|_| Value::TRUE)),
        Primitive::many("u8-ready?", 0, |m, all| port(m, "u8-ready?", all, 0).map(|_| Value::TRUE)),
        Primitive::many("read-line", 0, read_line),
        Primitive::many("read-string", 1, read_string),
        Primitive::many("read-u8", 0, |m, all| {
            let bytes = port(m, "read-u8", all, 0)?.take_bytes(1)?;
            Ok(bytes.first().map_or(Value::EOF, |byte| Value::index(usize::from(*byte))))
        }),
        Primitive::many("peek-u8", 0, |m, all| {
            let byte = port(m, "peek-u8", all, 0)?.peek_byte()?;
            Ok(byte.map_or(Value::EOF, |byte| Value::index(usize::from(byte))))
        }),
        Primitive::many("read-bytevector", 1, |m, all| {
            let count = check::index("read-bytevector", 1, all.get(0).unwrap_or(Value::NIL))?;
            let bytes = port(m, "read-bytevector", all, 1)?.take_bytes(count)?;
            if bytes.is_empty() && count > 0 { Ok(Value::EOF) } else { m.bytevector(&bytes) }
        }),
        Primitive::many("read-bytevector!", 1, read_into),
        Primitive::many("read", 0, |m, all| read::datum(m, port(m, "read", all, 0)?)),
    ]
}

/// The port in argument `index`, or the one in force, for this operation.
fn port<'m>(
    machine: &'m Machine<'_>,
    name: &'static str,
    all: &Arguments<'_>,
    index: usize,
) -> Result<Held<'m>, Fault> {
    all.at_most(name, (index + 1).max(4))?;
    let value = all.get(index).unwrap_or_else(|| machine.port(channel::STDIN));
    Held::open(machine, name, index + 1, value, Flags::INPUT)
}

fn character(c: Option<char>) -> Outcome {
    Ok(c.map_or(Value::EOF, Value::character))
}

fn read_line(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "read-line";
    let port = port(machine, name, all, 0)?;
    let mut line = String::new();
    loop {
        match port.take_char()? {
            None if line.is_empty() => return Ok(Value::EOF),
            None | Some('\n') => break,
            Some(c) => line.push(c),
        }
    }
    machine.string_from(line.strip_suffix('\r').unwrap_or(&line))
}

/// `(read-string k [port])`, or with the port first, as older collections have it.
fn read_string(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "read-string";
    let swapped = all.get(0).is_some_and(|v| v.as_fixnum().is_none());
    let (count, source) = if swapped { (1, 0) } else { (0, 1) };
    let count = check::index(name, count + 1, all.get(count).unwrap_or(Value::NIL))?;
    let port = port(machine, name, all, source)?;
    let mut text = Vec::new();
    while text.len() < count
        && let Some(c) = port.take_char()?
    {
        text.push(u32::from(c));
    }
    if text.is_empty() && count > 0 { Ok(Value::EOF) } else { machine.string(text.into_iter()) }
}

/// `(read-bytevector! bytevector [port [start [end]]])`: how many bytes it has put there.
fn read_into(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "read-bytevector!";
    let object = object(name, 1, all.get(0).unwrap_or(Value::NIL), Kind::Bytevector)?;
    let port = port(machine, name, all, 1)?;
    let range = range(name, object.header().length(), all.get(2), all.get(3))?;
    let bytes = port.take_bytes(range.len())?;
    overwrite(object, range.start, &bytes);
    let at_end = bytes.is_empty() && !range.is_empty();
    Ok(if at_end { Value::EOF } else { Value::index(bytes.len()) })
}

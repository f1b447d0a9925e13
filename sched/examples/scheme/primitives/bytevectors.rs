//! Bytevectors, and text in UTF-8.

use std::ops::Range;

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{self, object, range, wrong};
use super::strings::codes;
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("make-bytevector", 1, make),
        Primitive::many("bytevector", 0, bytevector),
        Primitive::one("bytevector-length", |_, b| {
            Ok(Value::index(object("bytevector-length", 1, b, Kind::Bytevector)?.header().length()))
        }),
        Primitive::two("bytevector-u8-ref", reference),
        Primitive::three("bytevector-u8-set!", set),
        Primitive::many("bytevector-copy", 1, |m, all| {
            let (bytes, range) = part("bytevector-copy", all, Kind::Bytevector, 0)?;
            m.bytevector(&content(bytes)[range])
        }),
        Primitive::many("bytevector-copy!", 3, copy_into),
        Primitive::many("bytevector-append", 0, append),
        Primitive::many("bytevector-fill!", 2, fill),
        Primitive::many("utf8->string", 1, utf8_to_string),
        Primitive::many("string->utf8", 1, string_to_utf8),
    ]
}

/// The bytes of a bytevector as they are now. The reference must be given up before anything else runs that might write
/// there: the next primitive.
pub fn bytes(object: ObjectRef) -> &'static [u8] {
    // SAFETY: a bytevector has that many bytes, and is alive: its value is with the caller.
    unsafe { std::slice::from_raw_parts(object.data::<u8>(), object.header().length()) }
}

/// A copy of the bytes.
fn content(object: ObjectRef) -> Vec<u8> {
    bytes(object).to_vec()
}

/// Writes `new` from byte `at` on. The caller has checked that it fits.
pub fn overwrite(object: ObjectRef, at: usize, new: &[u8]) {
    assert!(at + new.len() <= object.header().length());
    // SAFETY: inside of the bytevector, by the assertion; `new` is no part of the heap or a copy.
    unsafe { object.data::<u8>().add(at).copy_from(new.as_ptr(), new.len()) };
}

/// A byte as an argument.
pub fn byte(name: &'static str, position: usize, value: Value) -> Result<u8, Fault> {
    let found = value.as_fixnum().and_then(|n| u8::try_from(n).ok());
    found.ok_or_else(|| wrong(name, position, "a byte, from 0 to 255", value))
}

/// Argument `index`, an object of that kind, and the range that the next two select.
pub fn part(
    name: &'static str,
    all: &Arguments<'_>,
    kind: Kind,
    index: usize,
) -> Result<(ObjectRef, Range<usize>), Fault> {
    all.at_most(name, index + 3)?;
    let sequence = object(name, index + 1, all.get(index).unwrap_or(Value::NIL), kind)?;
    let range = range(name, sequence.header().length(), all.get(index + 1), all.get(index + 2))?;
    Ok((sequence, range))
}

fn make(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("make-bytevector", 2)?;
    let length = check::index("make-bytevector", 1, all.get(0).unwrap_or(Value::NIL))?;
    let fill = all.get(1).map_or(Ok(0), |b| byte("make-bytevector", 2, b))?;
    machine.checked_bytes(length, 1)?;
    machine.bytevector(&vec![fill; length])
}

fn bytevector(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let bytes: Result<Vec<u8>, Fault> =
        all.iter().enumerate().map(|(i, b)| byte("bytevector", i + 1, b)).collect();
    machine.bytevector(&bytes?)
}

fn reference(_: &Machine<'_>, bytevector: Value, index: Value) -> Outcome {
    let object = object("bytevector-u8-ref", 1, bytevector, Kind::Bytevector)?;
    let index = check::element("bytevector-u8-ref", index, object.header().length())?;
    Ok(Value::index(usize::from(bytes(object)[index])))
}

fn set(_: &Machine<'_>, bytevector: Value, index: Value, value: Value) -> Outcome {
    let object = object("bytevector-u8-set!", 1, bytevector, Kind::Bytevector)?;
    let index = check::element("bytevector-u8-set!", index, object.header().length())?;
    overwrite(object, index, &[byte("bytevector-u8-set!", 3, value)?]);
    Ok(Value::UNSPECIFIED)
}

fn copy_into(_: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "bytevector-copy!";
    let to = object(name, 1, all.get(0).unwrap_or(Value::NIL), Kind::Bytevector)?;
    let (from, range) = part(name, all, Kind::Bytevector, 2)?;
    let at = check::room(name, all.get(1), to.header().length(), range.len())?;
    overwrite(to, at, &content(from)[range]);
    Ok(Value::UNSPECIFIED)
}

fn append(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let mut joined = Vec::new();
    for (i, value) in all.iter().enumerate() {
        joined.extend_from_slice(bytes(object("bytevector-append", i + 1, value, Kind::Bytevector)?));
    }
    machine.bytevector(&joined)
}

fn fill(_: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let name = "bytevector-fill!";
    all.at_most(name, 4)?;
    let object = object(name, 1, all.get(0).unwrap_or(Value::NIL), Kind::Bytevector)?;
    let value = byte(name, 2, all.get(1).unwrap_or(Value::NIL))?;
    let range = range(name, object.header().length(), all.get(2), all.get(3))?;
    overwrite(object, range.start, &vec![value; range.len()]);
    Ok(Value::UNSPECIFIED)
}

fn utf8_to_string(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let (object, range) = part("utf8->string", all, Kind::Bytevector, 0)?;
    let text = String::from_utf8(content(object)[range].to_vec());
    let text = text.map_err(|e| Fault::Unfit { procedure: "utf8->string", what: e.to_string() })?;
    machine.string_from(&text)
}

fn string_to_utf8(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let (string, range) = part("string->utf8", all, Kind::String, 0)?;
    let selected = codes(string).skip(range.start).take(range.len());
    let text: String = selected.filter_map(char::from_u32).collect();
    machine.bytevector(text.as_bytes())
}

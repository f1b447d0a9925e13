//! Ports: opening, closing, asking, and those in force.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::ports::held::Held;
use crate::scheme::ports::{Flags, Port, channel};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::bytevectors::bytes;
use super::check::{element, object};
use super::strings::text;
use super::{Outcome, Primitive};

const NO_FLAGS: Flags = Flags(0);

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("%current-port", |m, which| Ok(m.port(element("%current-port", which, 3)?))),
        Primitive::one("%standard-port", |m, which| {
            Ok(m.scheme().standard_ports[element("%standard-port", which, 3)?])
        }),
        Primitive::one("port?", |_, v| has(v, NO_FLAGS)),
        Primitive::one("input-port?", |_, v| has(v, Flags::INPUT)),
        Primitive::one("output-port?", |_, v| has(v, Flags::OUTPUT)),
        Primitive::one("binary-port?", |_, v| has(v, Flags::BINARY)),
        Primitive::one("textual-port?", |_, v| {
            Ok(Value::boolean(flags(v).is_some_and(|flags| !flags.has(Flags::BINARY))))
        }),
        Primitive::one("input-port-open?", |_, v| is_open("input-port-open?", v, Flags::INPUT)),
        Primitive::one("output-port-open?", |_, v| is_open("output-port-open?", v, Flags::OUTPUT)),
        Primitive::one("close-port", |m, v| close(m, "close-port", v)),
        Primitive::one("close-input-port", |m, v| close(m, "close-input-port", v)),
        Primitive::one("close-output-port", |m, v| close(m, "close-output-port", v)),
        Primitive::one("open-input-string", |m, s| {
            let text = text(object("open-input-string", 1, s, Kind::String)?);
            Port::create(m, Flags::INPUT, text.as_bytes(), None)
        }),
        Primitive::one("open-input-bytevector", |m, b| {
            let content = bytes(object("open-input-bytevector", 1, b, Kind::Bytevector)?).to_vec();
            Port::create(m, Flags::INPUT.and(Flags::BINARY), &content, None)
        }),
        Primitive::none("open-output-string", |m| Port::create(m, Flags::OUTPUT, &[], None)),
        Primitive::none("open-output-bytevector", |m| {
            Port::create(m, Flags::OUTPUT.and(Flags::BINARY), &[], None)
        }),
        Primitive::one("get-output-string", |m, port| {
            m.string_from(&String::from_utf8_lossy(&collected(m, "get-output-string", port)?))
        }),
        Primitive::one("get-output-bytevector", |m, port| {
            m.bytevector(&collected(m, "get-output-bytevector", port)?)
        }),
        Primitive::one("open-input-file", |m, path| open_input(m, "open-input-file", path, NO_FLAGS)),
        Primitive::one("open-binary-input-file", |m, path| {
            open_input(m, "open-binary-input-file", path, Flags::BINARY)
        }),
        Primitive::many("open-output-file", 1, |m, all| open_output(m, "open-output-file", all, NO_FLAGS)),
        Primitive::many("open-binary-output-file", 1, |m, all| {
            open_output(m, "open-binary-output-file", all, Flags::BINARY)
        }),
        Primitive::one("file-exists?", |_, path| {
            Ok(Value::boolean(std::path::Path::new(&path_of("file-exists?", path)?).exists()))
        }),
        Primitive::one("delete-file", |_, path| {
            let path = path_of("delete-file", path)?;
            let gone = std::fs::remove_file(&path).map_err(|error| channel::at("delete-file", &path, &error));
            gone.map(|()| Value::UNSPECIFIED)
        }),
    ]
}

fn flags(value: Value) -> Option<Flags> {
    ObjectRef::of(value, Kind::Port)?;
    Port::any("port?", 1, value).ok().map(Port::flags)
}

fn has(value: Value, wanted: Flags) -> Outcome {
    Ok(Value::boolean(flags(value).is_some_and(|flags| flags.has(wanted))))
}

fn is_open(name: &'static str, port: Value, direction: Flags) -> Outcome {
    Ok(Value::boolean(Port::any(name, 1, port)?.flags().has(direction.and(Flags::OPEN))))
}

fn close(machine: &Machine<'_>, name: &'static str, port: Value) -> Outcome {
    Held::of(Port::any(name, 1, port)?, machine, name).close().map(|()| Value::UNSPECIFIED)
}

/// A copy of what was written to a port in memory.
fn collected(machine: &Machine<'_>, name: &'static str, port: Value) -> Result<Vec<u8>, Fault> {
    Ok(Held::of(Port::any(name, 1, port)?, machine, name).collected().to_vec())
}

fn path_of(name: &'static str, path: Value) -> Result<String, Fault> {
    object(name, 1, path, Kind::String).map(text)
}

fn open_input(machine: &Machine<'_>, name: &'static str, path: Value, flags: Flags) -> Outcome {
    let channel = machine.scheme().channels.open_input(name, &path_of(name, path)?)?;
    Port::create(machine, flags.and(Flags::INPUT), &[], Some(channel))
}

/// A second argument that is true appends.
fn open_output(machine: &Machine<'_>, name: &'static str, all: &Arguments<'_>, flags: Flags) -> Outcome {
    all.at_most(name, 2)?;
    let path = path_of(name, all.get(0).unwrap_or(Value::NIL))?;
    let append = all.get(1).is_some_and(Value::is_true);
    let channel = machine.scheme().channels.open_output(name, &path, append)?;
    Port::create(machine, flags.and(Flags::OUTPUT), &[], Some(channel))
}

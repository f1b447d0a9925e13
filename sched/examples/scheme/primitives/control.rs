//! Leaving the program, and the clock.

use std::sync::LazyLock;
use std::time::Instant;

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::write::{displayed, written};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("error", 1, error),
        Primitive::many("exit", 0, exit),
        Primitive::none("current-jiffy", |_| Ok(Value::index(START.elapsed().as_nanos() as usize))),
        Primitive::none("jiffies-per-second", |_| Ok(Value::index(1_000_000_000))),
        Primitive::none("collect-garbage", |machine| {
            machine.current().collect();
            Ok(Value::UNSPECIFIED)
        }),
    ]
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The message as `display` shows it if it is a string, else as `write` does; irritants as `write` does.
fn error(_: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let message = all.get(0).unwrap_or(Value::UNSPECIFIED);
    let is_text = ObjectRef::of(message, Kind::String).is_some();
    let first = if is_text { displayed(message) } else { written(message) };
    let parts = std::iter::once(first).chain(all.iter().skip(1).map(written));
    Err(Fault::User(parts.collect::<Vec<_>>().join(" ")))
}

/// `(exit)` and `(exit #t)` are success, `(exit #f)` is not.
fn exit(_: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("exit", 1)?;
    Err(Fault::Exit(match all.get(0) {
        None | Some(Value::TRUE) => 0,
        Some(code) => code.as_fixnum().map_or(1, |n| (n & 0xff) as i32),
    }))
}

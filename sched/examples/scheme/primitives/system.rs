//! The process, the clocks, and what this implementation has.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::scheme::features::FEATURES;
use crate::scheme::machine::Machine;
use crate::scheme::object::Kind;
use crate::scheme::value::Value;

use super::check::object;
use super::strings::text;
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::none("command-line", |m| strings(m, m.scheme().command_line.iter().map(String::as_str))),
        Primitive::none("features", |m| {
            FEATURES.iter().rev().try_fold(Value::NIL, |list, name| {
                let symbol = m.symbol(name)?;
                m.pair(symbol, list)
            })
        }),
        Primitive::one("get-environment-variable", |m, name| {
            let name = text(object("get-environment-variable", 1, name, Kind::String)?);
            std::env::var(name).map_or(Ok(Value::FALSE), |value| m.string_from(&value))
        }),
        Primitive::none("get-environment-variables", environment),
        Primitive::none("current-second", |m| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            m.flonum(since.map_or(0.0, |since| since.as_secs_f64()))
        }),
        Primitive::none("runtime", |m| m.flonum(START.elapsed().as_secs_f64())),
        Primitive::none("real-time", |m| m.flonum(START.elapsed().as_secs_f64() * 1000.0)),
        Primitive::none("cpu-time", |_| Ok(Value::index(START.elapsed().as_millis() as usize))),
        Primitive::none("current-time", |_| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            Ok(Value::index(since.map_or(0, |since| since.as_secs() as usize)))
        }),
    ]
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A list of strings.
fn strings<'a>(machine: &Machine<'_>, all: impl DoubleEndedIterator<Item = &'a str>) -> Outcome {
    all.rev().try_fold(Value::NIL, |list, text| {
        let string = machine.string_from(text)?;
        machine.pair(string, list)
    })
}

/// Names and values of all variables that are text.
fn environment(machine: &Machine<'_>) -> Outcome {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).try_fold(Value::NIL, |list, (name, value)| {
        let name = machine.string_from(&name)?;
        let value = machine.string_from(&value)?;
        let entry = machine.pair(name, value)?;
        machine.pair(entry, list)
    })
}

//! Conditions, values, continuations and the dynamic environment: what the prelude's control procedures are made of. And
//! leaving the program, and the clock.

use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::time::Instant;

use crate::scheme::concurrency::tasks::note_raised;
use crate::scheme::continuation::capture::Continuation;
use crate::scheme::continuation::reinstate::prepare_throw;
use crate::scheme::continuation::state::Dynamic;
use crate::scheme::fault::{Fault, Sort};
use crate::scheme::machine::Machine;
use crate::scheme::object::{Header, Kind, ObjectRef};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::runtime::conditions::{Condition, make, text};
use crate::scheme::value::Value;

use super::check::wrong;
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    [conditions(), environment(), values(), leaving()].concat()
}

fn conditions() -> Vec<Primitive> {
    vec![
        Primitive::two("%make-condition", |m, message, irritants| make(m, Sort::User, message, irritants)),
        Primitive::one("error-object?", |_, x| Ok(Value::boolean(Condition::of(x).is_some()))),
        Primitive::one("error-object-message", |_, x| Ok(condition("error-object-message", x)?.message())),
        Primitive::one("error-object-irritants", |_, x| {
            Ok(condition("error-object-irritants", x)?.irritants())
        }),
        Primitive::one("file-error?", |_, x| Ok(is_of(x, Sort::File))),
        Primitive::one("read-error?", |_, x| Ok(is_of(x, Sort::Read))),
        Primitive::one("%uncaught", |m, x| {
            note_raised(m, x);
            Err(Fault::Uncaught(text(x)))
        }),
    ]
}

fn condition(procedure: &'static str, value: Value) -> Result<Condition, Fault> {
    Condition::of(value).ok_or_else(|| wrong(procedure, 1, "an error object", value))
}

fn is_of(value: Value, sort: Sort) -> Value {
    Value::boolean(Condition::of(value).is_some_and(|condition| condition.is(sort)))
}

fn environment() -> Vec<Primitive> {
    fn get(machine: &Machine<'_>, which: Dynamic) -> Outcome {
        Ok(machine.state().continuation.dynamic(which))
    }
    fn set(machine: &Machine<'_>, which: Dynamic, value: Value) -> Outcome {
        machine.set_dynamic(which, value);
        Ok(Value::UNSPECIFIED)
    }
    vec![
        Primitive::none("%winders", |m| get(m, Dynamic::Winders)),
        Primitive::none("%handlers", |m| get(m, Dynamic::Handlers)),
        Primitive::none("%parameters", |m| get(m, Dynamic::Parameters)),
        Primitive::one("%set-winders!", |m, value| set(m, Dynamic::Winders, value)),
        Primitive::one("%set-handlers!", |m, value| set(m, Dynamic::Handlers, value)),
        Primitive::one("%set-parameters!", |m, value| set(m, Dynamic::Parameters, value)),
        Primitive::none("%stack-is-full?", |m| Ok(Value::boolean(m.state().is_overflowing()))),
        Primitive::one("%continuation-winders", |m, k| {
            let continuation = continuation(k)?;
            // Before any winder of the other task runs here.
            check_ours(m, continuation)?;
            Ok(continuation.dynamic(Dynamic::Winders))
        }),
        Primitive::two("%prepare-throw", |m, k, value| {
            prepare_throw(m, continuation(k)?, value).map(|()| Value::UNSPECIFIED)
        }),
    ]
}

/// Refuses continuations of other tasks.
fn check_ours(machine: &Machine<'_>, continuation: Continuation) -> Result<(), Fault> {
    let is_ours = continuation.task() == machine.current().task().id();
    if is_ours { Ok(()) } else { Err(Fault::ForeignContinuation) }
}

fn continuation(value: Value) -> Result<Continuation, Fault> {
    Continuation::of(value).ok_or_else(|| wrong("%throw", 1, "a continuation", value))
}

fn values() -> Vec<Primitive> {
    vec![
        Primitive::many("values", 0, |machine, all| match (all.len(), all.get(0)) {
            (1, Some(only)) => Ok(only),
            (count, _) => {
                let object = machine.sequence(Header::with_length(Kind::Values, count), count)?;
                (0..count).for_each(|i| machine.store(object, 1 + i, all.get(i).unwrap_or(Value::NIL)));
                Ok(object.value())
            }
        }),
        Primitive::one("%values?", |_, x| Ok(Value::boolean(ObjectRef::of(x, Kind::Values).is_some()))),
        Primitive::one("%values->list", |machine, x| {
            let Some(object) = ObjectRef::of(x, Kind::Values) else { return machine.pair(x, Value::NIL) };
            let count = object.header().length();
            (0..count).rev().try_fold(Value::NIL, |list, i| machine.pair(object.field(1 + i), list))
        }),
    ]
}

fn leaving() -> Vec<Primitive> {
    vec![
        Primitive::many("emergency-exit", 0, exit),
        Primitive::none("current-jiffy", |_| Ok(Value::index(START.elapsed().as_nanos() as usize))),
        Primitive::none("jiffies-per-second", |_| Ok(Value::index(1_000_000_000))),
        Primitive::none("collect-garbage", |machine| {
            machine.current().collect();
            Ok(Value::UNSPECIFIED)
        }),
        Primitive::none("%internal-error", |_| panic_on_demand()),
    ]
}

/// What a mistake in this implementation would do, for programs that look for such: a panic like any other, but without the lines on standard error.
fn panic_on_demand() -> Outcome {
    resume_unwind(Box::new("a panic on demand"))
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// `(exit)` and `(exit #t)` are success, `(exit #f)` is not.
fn exit(_: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("exit", 1)?;
    Err(Fault::Exit(match all.get(0) {
        None | Some(Value::TRUE) => 0,
        Some(code) => code.as_fixnum().map_or(1, |n| (n & 0xff) as i32),
    }))
}

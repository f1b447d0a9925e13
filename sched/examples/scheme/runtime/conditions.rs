//! Faults as objects that handlers see.

use std::sync::atomic::Ordering;

use crate::scheme::fault::{Fault, Sort};
use crate::scheme::machine::{Machine, Task};
use crate::scheme::object::{Header, Kind, ObjectRef};
use crate::scheme::primitives::Outcome;
use crate::scheme::primitives::write::{displayed, written};
use crate::scheme::value::Value;

/// A view of an object of [`Kind::Condition`].
#[derive(Clone, Copy, Debug)]
pub struct Condition(ObjectRef);

impl Condition {
    /// The condition that `value` is.
    pub fn of(value: Value) -> Option<Condition> {
        ObjectRef::of(value, Kind::Condition).map(Condition)
    }

    /// Is it of that sort?
    pub fn is(self, sort: Sort) -> bool {
        self.0.field(1) == sort.value()
    }

    /// What was wrong: any value, but nearly always a string.
    pub fn message(self) -> Value {
        self.0.field(2)
    }

    /// A list of what it was about.
    pub fn irritants(self) -> Value {
        self.0.field(3)
    }
}

/// A new condition.
pub fn make(machine: &Machine<'_>, sort: Sort, message: Value, irritants: Value) -> Outcome {
    machine.object(Header::plain(Kind::Condition), &[sort.value(), message, irritants])
}

/// The task's pending fault as a condition. If there is no memory for that, it is about that.
pub extern "C-unwind" fn condition(task: *const Task) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    let fault = machine.state().take_pending();
    fault.map_or(machine.scheme().out_of_memory, |fault| of_fault(&machine, &fault))
}

/// A fault as a condition. If there is no memory for that, it is about that.
pub fn of_fault(machine: &Machine<'_>, fault: &Fault) -> Value {
    describe(machine, fault).unwrap_or(machine.scheme().out_of_memory)
}

fn describe(machine: &Machine<'_>, fault: &Fault) -> Outcome {
    if matches!(fault, Fault::OutOfMemory { .. }) {
        return Ok(machine.scheme().out_of_memory);
    }
    let message = machine.string_from(&fault.to_string())?;
    make(machine, fault.sort(), message, Value::NIL)
}

/// What a message says of something that was raised: of a condition its message as `display` shows it if it is a string, else as
/// `write` does; irritants as `write` does.
pub fn text(raised: Value) -> String {
    let Some(condition) = Condition::of(raised) else { return format!("uncaught: {}", written(raised)) };
    let message = condition.message();
    let is_text = ObjectRef::of(message, Kind::String).is_some();
    let mut text = if is_text { displayed(message) } else { written(message) };
    let mut rest = condition.irritants();
    while let Some(pair) = ObjectRef::of(rest, Kind::Pair) {
        text += " ";
        text += &written(pair.field(1));
        rest = Value(pair.word(2).load(Ordering::Relaxed));
    }
    text
}

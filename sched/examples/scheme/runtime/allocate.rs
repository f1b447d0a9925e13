//! Objects that compiled code makes by itself, and the write barrier's slow path.

use std::sync::atomic::Ordering;

use crate::scheme::machine::{Machine, Task};
use crate::scheme::object::{Header, Kind, bytes_of};
use crate::scheme::primitives::Outcome;
use crate::scheme::value::Value;

/// A closure. Its captured values are unspecified until compiled code stores them, before its next safepoint or, for
/// closures that mention each other, with the barrier later.
pub extern "C-unwind" fn closure(task: *const Task, header: Header, code: usize) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    machine.deliver(new_closure(&machine, header, code))
}

fn new_closure(machine: &Machine<'_>, header: Header, code: usize) -> Outcome {
    let captures = header.captures();
    let object = machine.allocate(bytes_of(1 + captures))?;
    object.word(0).store(header.0, Ordering::Relaxed);
    object.word(1).store(code as u64, Ordering::Relaxed);
    (0..captures).for_each(|i| object.word(2 + i).store(Value::UNSPECIFIED.0, Ordering::Relaxed));
    Ok(object.value())
}

/// A box with a first value.
pub extern "C-unwind" fn new_box(task: *const Task, value: Value) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    machine.deliver(machine.object(Header::plain(Kind::Box), &[value]))
}

/// A value was stored while the collector marks.
pub extern "C-unwind" fn shade(task: *const Task, value: Value) {
    // SAFETY: compiled code passes the task that it runs on.
    unsafe { Machine::from_raw(task) }.shade(value);
}

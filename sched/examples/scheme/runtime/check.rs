//! The slow path of every prologue: somebody wants the task to stop, or its stack is used up.

use crate::scheme::fault::Fault;
use crate::scheme::machine::{Machine, Task};
use crate::scheme::stacks::FOR_HANDLERS;
use crate::scheme::value::Value;

use super::arguments::Arguments;

/// The arguments lie in this frame, which is scanned conservatively, and go back through the task's registers.
pub extern "C-unwind" fn stack_check(
    task: *const Task,
    closure: Value,
    a: Value,
    b: Value,
    c: Value,
    d: Value,
) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    let (count, room) = machine.state().checked();
    if !has_room(&machine, room) && !handles_overflow(&machine) {
        return machine.refuse(overflow(&machine));
    }
    let first = [a, b, c, d];
    {
        // Those in the buffer have not been read yet.
        let _kept = Arguments::new(&machine, &first, count);
        machine.current().safepoint();
    }
    for (i, value) in [closure, a, b, c, d].into_iter().enumerate() {
        machine.state().set_register(i, value);
    }
    Value::TRUE
}

/// Are there `room` bytes below the frame that was just made? A stack that moves is made larger if need be.
fn has_room(machine: &Machine<'_>, room: usize) -> bool {
    let current = machine.current();
    if current.is_managed() {
        return current.make_room(room).is_ok();
    }
    machine.stack_pointer() >= current.task().real_limit()
}

/// Is this a handler of the overflow, which runs in the place of the raise? It may use [`FOR_HANDLERS`].
///
/// The end of that is the end of the program: what handles it has none.
fn handles_overflow(machine: &Machine<'_>) -> bool {
    if !machine.state().is_overflowing() {
        set_overflowing(machine, true);
        return false;
    }
    // A stack that moves has it within its limit.
    let limit = machine.current().task().real_limit() - FOR_HANDLERS;
    if machine.current().is_managed() || machine.stack_pointer() < limit {
        machine.leave(overflow(machine));
    }
    true
}

/// A stack overflow is handled from now on, or nothing of the kind: the frames that it filled the stack with are dropped.
pub fn set_overflowing(machine: &Machine<'_>, overflowing: bool) {
    machine.state().set_overflowing(overflowing);
    if machine.current().is_managed() {
        let more = if overflowing { FOR_HANDLERS } else { 0 };
        machine.current().limit_stack(machine.scheme().stack_limit + more);
    }
}

/// The stack is used up.
pub fn overflow(machine: &Machine<'_>) -> Fault {
    Fault::StackOverflow { bytes: machine.scheme().stack_limit }
}

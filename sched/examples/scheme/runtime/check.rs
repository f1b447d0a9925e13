//! The slow path of every prologue: somebody wants the task to stop, or its stack is used up.

use crate::scheme::fault::Fault;
use crate::scheme::machine::{Machine, Task};
use crate::scheme::stacks::RED_ZONE;
use crate::scheme::value::Value;

use super::arguments::Arguments;
use super::run::stack_bytes;

/// The arguments lie in this frame, which is scanned conservatively, and go back through the task's registers.
pub extern "C" fn stack_check(
    task: *const Task,
    closure: Value,
    count: usize,
    a: Value,
    b: Value,
    c: Value,
    d: Value,
) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    if stack_pointer() < machine.current().task().real_limit() && !handles_overflow(&machine) {
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

/// Roughly: the address of a local.
fn stack_pointer() -> usize {
    let here = 0_usize;
    (&raw const here) as usize
}

/// Is this a handler of the overflow, which runs in the place of the raise? It may use the first half of the red zone.
///
/// The end of that is the end of the program: what handles it has none.
fn handles_overflow(machine: &Machine<'_>) -> bool {
    let state = machine.state();
    if !state.is_overflowing() {
        state.set_overflowing(true);
        return false;
    }
    if stack_pointer() < machine.current().task().real_limit() - RED_ZONE / 2 {
        machine.leave(overflow(machine));
    }
    true
}

fn overflow(machine: &Machine<'_>) -> Fault {
    Fault::StackOverflow { bytes: stack_bytes(machine) }
}

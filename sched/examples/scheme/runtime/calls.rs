//! Calls that are not plain: with rest arguments, through `apply`, of something that cannot be called.

use crate::scheme::codegen::REGISTER_ARGUMENTS;
use crate::scheme::fault::Fault;
use crate::scheme::machine::{Machine, Task};
use crate::scheme::object::{Arity, Kind, ObjectRef};
use crate::scheme::primitives::write::shortened;
use crate::scheme::value::Value;

use super::arguments::Arguments;

/// The list of the arguments behind the required ones. `counts` is their number, and in the upper half how many are
/// required.
pub extern "C-unwind" fn rest(
    task: *const Task,
    counts: u64,
    a: Value,
    b: Value,
    c: Value,
    d: Value,
) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    let (count, required) = (counts as u32 as usize, (counts >> 32) as usize);
    let list = {
        let first = [a, b, c, d];
        let arguments = Arguments::new(&machine, &first, count);
        let tail = (required..count).rev().filter_map(|i| arguments.get(i));
        tail.into_iter().try_fold(Value::NIL, |list, value| machine.pair(value, list))
    };
    machine.deliver(list)
}

/// Spreads `(apply f a … list)`: `f` and the first four arguments go to the task's registers, the others to its buffer.
/// Returns how many there are, plus one. No safepoint lies between this and the call.
pub extern "C-unwind" fn apply(
    task: *const Task,
    count: usize,
    a: Value,
    b: Value,
    c: Value,
    d: Value,
) -> usize {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    let spread = {
        let first = [a, b, c, d];
        spread(&machine, &Arguments::new(&machine, &first, count))
    };
    match spread {
        Ok(count) => count + 1,
        Err(fault) => machine.refuse(fault).0 as usize,
    }
}

fn spread(machine: &Machine<'_>, arguments: &Arguments<'_>) -> Result<usize, Fault> {
    let callee = arguments.get(0).unwrap_or(Value::UNSPECIFIED);
    let last = arguments.len() - 1;
    let mut values: Vec<Value> = (1..last).filter_map(|i| arguments.get(i)).collect();
    push_list(arguments.get(last).unwrap_or(Value::NIL), &mut values, last + 1)?;
    check_callee(machine, callee, values.len())?;
    let state = machine.state();
    state.reserve_arguments(values.len());
    state.set_register(0, callee);
    for i in 0..REGISTER_ARGUMENTS {
        state.set_register(1 + i, values.get(i).copied().unwrap_or(Value::FALSE));
    }
    for (i, value) in values.iter().skip(REGISTER_ARGUMENTS).enumerate() {
        state.set_argument(i, *value);
    }
    Ok(values.len())
}

fn push_list(list: Value, values: &mut Vec<Value>, position: usize) -> Result<(), Fault> {
    let mut rest = list;
    while let Some(pair) = ObjectRef::of(rest, Kind::Pair) {
        values.push(pair.field(1));
        rest = pair.field(2);
    }
    if rest == Value::NIL {
        return Ok(());
    }
    let got = shortened(list);
    Err(Fault::WrongType { procedure: "apply", position, expected: "a list", got })
}

fn check_callee(machine: &Machine<'_>, callee: Value, count: usize) -> Result<(), Fault> {
    match ObjectRef::of(callee, Kind::Closure) {
        Some(closure) if closure.header().arity().takes(count) => Ok(()),
        _ => Err(bad_call(machine, callee, count)),
    }
}

/// What is wrong with calling `callee` with `count` arguments.
fn bad_call(machine: &Machine<'_>, callee: Value, count: usize) -> Fault {
    let Some(closure) = ObjectRef::of(callee, Kind::Closure) else {
        return Fault::NotAProcedure { got: shortened(callee) };
    };
    let code = closure.field(1).0 as usize;
    let name = machine.scheme().frames.function_at(code).map_or("procedure", |f| &f.name);
    Fault::ArgumentCount { procedure: name.into(), takes: takes(closure.header().arity()), got: count }
}

fn takes(arity: Arity) -> String {
    let plural = |n: u8| if n == 1 { "" } else { "s" };
    match arity {
        Arity::Exactly(n) => format!("{n} argument{}", plural(n)),
        Arity::AtLeast(n) => format!("at least {n} argument{}", plural(n)),
    }
}

/// The check before a call has failed.
pub extern "C-unwind" fn call_error(task: *const Task, callee: Value, count: usize) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    machine.refuse(bad_call(&machine, callee, count))
}

/// A global without a value.
pub extern "C-unwind" fn unbound(task: *const Task, number: usize) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    machine.refuse(Fault::Unbound { name: machine.scheme().globals.name(number) })
}

/// A `letrec` variable without a value. `name` is its symbol.
pub extern "C-unwind" fn unassigned(task: *const Task, name: Value) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    machine.refuse(Fault::Unassigned { name: shortened(name) })
}

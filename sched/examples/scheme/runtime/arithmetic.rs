//! Arithmetic and comparison of two numbers of any kind: what the in-line code for fixnums falls back to.

use std::cmp::Ordering as Order;

use crate::scheme::fault::Fault;
use crate::scheme::machine::{Machine, Task};
use crate::scheme::primitives::Outcome;
use crate::scheme::primitives::check::{Number, number};
use crate::scheme::value::Value;

/// The two operands of `procedure`.
fn operands(procedure: &'static str, a: Value, b: Value) -> Result<(Number, Number), Fault> {
    Ok((number(procedure, 1, a)?, number(procedure, 2, b)?))
}

fn combine(
    machine: &Machine<'_>,
    procedure: &'static str,
    (a, b): (Value, Value),
    exactly: fn(i64, i64) -> Option<i64>,
    inexactly: fn(f64, f64) -> f64,
) -> Outcome {
    match operands(procedure, a, b)? {
        (Number::Fix(a), Number::Fix(b)) => {
            exactly(a, b).and_then(Value::fixnum).ok_or(Fault::Overflow { procedure })
        }
        (a, b) => machine.flonum(inexactly(a.inexact(), b.inexact())),
    }
}

/// `(+ a b)`.
pub fn sum(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    combine(machine, "+", (a, b), i64::checked_add, |a, b| a + b)
}

/// `(- a b)`.
pub fn difference(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    combine(machine, "-", (a, b), i64::checked_sub, |a, b| a - b)
}

/// `(* a b)`.
pub fn product(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    combine(machine, "*", (a, b), i64::checked_mul, |a, b| a * b)
}

/// `(/ a b)`: exact if it can be.
pub fn quotient(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    match operands("/", a, b)? {
        (_, Number::Fix(0)) => Err(Fault::DivisionByZero { procedure: "/" }),
        (Number::Fix(a), Number::Fix(b)) if a % b == 0 => {
            Value::fixnum(a / b).ok_or(Fault::Overflow { procedure: "/" })
        }
        (a, b) => machine.flonum(a.inexact() / b.inexact()),
    }
}

macro_rules! entry {
    ($($(#[$doc:meta])* $name:ident => $f:path),* $(,)?) => {
        $($(#[$doc])* pub extern "C" fn $name(task: *const Task, a: Value, b: Value) -> Value {
            // SAFETY: compiled code passes the task that it runs on.
            let machine = unsafe { Machine::from_raw(task) };
            machine.deliver($f(&machine, a, b))
        })*
    };
}

entry! {
    /// `(+ a b)`.
    add => sum,
    /// `(- a b)`.
    subtract => difference,
    /// `(* a b)`.
    multiply => product,
}

macro_rules! comparison {
    ($($name:ident, $procedure:literal, $holds:path);* $(;)?) => {
        $(#[doc = concat!("`(", $procedure, " a b)`.")]
        pub extern "C" fn $name(task: *const Task, a: Value, b: Value) -> Value {
            // SAFETY: compiled code passes the task that it runs on.
            let machine = unsafe { Machine::from_raw(task) };
            let order = operands($procedure, a, b).map(|(a, b)| a.order(b));
            machine.deliver(order.map(|order| Value::boolean(order.is_some_and($holds))))
        })*
    };
}

comparison! {
    equal, "=", Order::is_eq;
    less, "<", Order::is_lt;
    greater, ">", Order::is_gt;
    less_or_equal, "<=", Order::is_le;
    greater_or_equal, ">=", Order::is_ge;
}

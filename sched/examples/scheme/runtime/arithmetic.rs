//! Arithmetic and comparison of two numbers of any kind: what the in-line code for fixnums falls back to.

use std::cmp::Ordering as Order;

use crate::scheme::fault::Fault;
use crate::scheme::machine::{Machine, Task};
use crate::scheme::numbers::{Number, arithmetic};
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::primitives::Outcome;
use crate::scheme::primitives::check::{flonum, number};
use crate::scheme::value::Value;

/// The two operands of `procedure`.
fn operands(procedure: &'static str, a: Value, b: Value) -> Result<(Number, Number), Fault> {
    Ok((number(procedure, 1, a)?, number(procedure, 2, b)?))
}

/// A flonum or fixnum as a flonum, of which at least one of two is one: the case that has to be quick.
#[inline]
fn quick(a: Value, b: Value) -> Option<(f64, f64)> {
    match (ObjectRef::of(a, Kind::Flonum), ObjectRef::of(b, Kind::Flonum)) {
        (Some(a), Some(b)) => Some((flonum(a), flonum(b))),
        (Some(a), None) => Some((flonum(a), b.as_fixnum()? as f64)),
        (None, Some(b)) => Some((a.as_fixnum()? as f64, flonum(b))),
        (None, None) => None,
    }
}

/// `(+ a b)`.
pub fn sum(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    if let Some((a, b)) = quick(a, b) {
        return machine.flonum(a + b);
    }
    let (a, b) = operands("+", a, b)?;
    machine.number(arithmetic::sum(&a, &b))
}

/// `(- a b)`.
pub fn difference(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    if let Some((a, b)) = quick(a, b) {
        return machine.flonum(a - b);
    }
    let (a, b) = operands("-", a, b)?;
    machine.number(arithmetic::difference(&a, &b))
}

/// `(* a b)`.
pub fn product(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    if let Some((a, b)) = quick(a, b) {
        return machine.flonum(a * b);
    }
    let (a, b) = operands("*", a, b)?;
    machine.number(arithmetic::product(&a, &b))
}

/// `(/ a b)`.
pub fn quotient(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    if let (Some((x, y)), false) = (quick(a, b), b == Value::index(0)) {
        return machine.flonum(x / y);
    }
    let (a, b) = operands("/", a, b)?;
    let quotient = arithmetic::quotient(&a, &b);
    machine.number(quotient.ok_or(Fault::DivisionByZero { procedure: "/" })?)
}

macro_rules! entry {
    ($($(#[$doc:meta])* $name:ident => $f:path),* $(,)?) => {
        $($(#[$doc])* pub extern "C-unwind" fn $name(task: *const Task, a: Value, b: Value) -> Value {
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

/// Numerical order; none if there is a NaN.
fn order(procedure: &'static str, a: Value, b: Value) -> Result<Option<Order>, Fault> {
    if let (Some(a), Some(b)) = (ObjectRef::of(a, Kind::Flonum), ObjectRef::of(b, Kind::Flonum)) {
        return Ok(flonum(a).partial_cmp(&flonum(b)));
    }
    operands(procedure, a, b).map(|(a, b)| a.order(&b))
}

macro_rules! comparison {
    ($($name:ident, $procedure:literal, $holds:path);* $(;)?) => {
        $(#[doc = concat!("`(", $procedure, " a b)`.")]
        pub extern "C-unwind" fn $name(task: *const Task, a: Value, b: Value) -> Value {
            // SAFETY: compiled code passes the task that it runs on.
            let machine = unsafe { Machine::from_raw(task) };
            let order = order($procedure, a, b);
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

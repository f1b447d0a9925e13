//! Arithmetic and comparison of two numbers of any kind: what the in-line code for fixnums falls back to.

use std::cmp::Ordering as Order;

use crate::scheme::fault::Fault;
use crate::scheme::machine::{Machine, Task};
use crate::scheme::numbers::complex::Complex;
use crate::scheme::numbers::{Number, arithmetic};
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::primitives::Outcome;
use crate::scheme::primitives::check::{self, flonum, number};
use crate::scheme::primitives::complex;
use crate::scheme::value::Value;

/// The two operands of `procedure`.
fn operands(procedure: &'static str, a: Value, b: Value) -> Result<(Number, Number), Fault> {
    Ok((number(procedure, 1, a)?, number(procedure, 2, b)?))
}

/// The same, if both are real.
fn reals(a: Value, b: Value) -> Option<(Number, Number)> {
    Some((Number::of(a)?, Number::of(b)?))
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
    let Some((x, y)) = reals(a, b) else {
        return complex::combine(machine, "+", a, b, Complex::plus);
    };
    machine.number(arithmetic::sum(&x, &y))
}

/// `(- a b)`.
pub fn difference(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    if let Some((a, b)) = quick(a, b) {
        return machine.flonum(a - b);
    }
    let Some((x, y)) = reals(a, b) else {
        return complex::combine(machine, "-", a, b, Complex::minus);
    };
    machine.number(arithmetic::difference(&x, &y))
}

/// `(* a b)`.
pub fn product(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    if let Some((a, b)) = quick(a, b) {
        return machine.flonum(a * b);
    }
    let Some((x, y)) = reals(a, b) else {
        return complex::combine(machine, "*", a, b, Complex::times);
    };
    machine.number(arithmetic::product(&x, &y))
}

/// `(/ a b)`.
pub fn quotient(machine: &Machine<'_>, a: Value, b: Value) -> Outcome {
    if let (Some((x, y)), false) = (quick(a, b), b == Value::index(0)) {
        return machine.flonum(x / y);
    }
    let by_zero = || Fault::DivisionByZero { procedure: "/" };
    let Some((x, y)) = reals(a, b) else {
        let quotient = check::complex("/", 1, a)?.over(&check::complex("/", 2, b)?);
        return machine.complex(quotient.ok_or_else(by_zero)?);
    };
    machine.number(arithmetic::quotient(&x, &y).ok_or_else(by_zero)?)
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

/// Are two numbers, real or not, equal?
pub fn are_equal(a: Value, b: Value) -> bool {
    match (reals(a, b), Complex::of(a), Complex::of(b)) {
        (Some((a, b)), ..) => a.order(&b).is_some_and(Order::is_eq),
        (None, Some(a), Some(b)) => a.minus(&b).is_zero(),
        _ => false,
    }
}

/// `(= a b)`.
pub extern "C-unwind" fn equal(task: *const Task, a: Value, b: Value) -> Value {
    // SAFETY: compiled code passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    let both = check::complex("=", 1, a).and_then(|_| check::complex("=", 2, b));
    machine.deliver(both.map(|_| Value::boolean(are_equal(a, b))))
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
    less, "<", Order::is_lt;
    greater, ">", Order::is_gt;
    less_or_equal, "<=", Order::is_le;
    greater_or_equal, ">=", Order::is_ge;
}

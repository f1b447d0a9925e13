//! Arithmetic on numbers of any kind: sums, products, order.

use std::cmp::Ordering as Order;

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::numbers::{Number, arithmetic as tower, power};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::runtime::arithmetic;
use crate::scheme::value::Value;

use super::check::{self, number};
use super::{Outcome, Primitive, complex};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("+", 0, |m, all| fold(m, all, 0, arithmetic::sum)),
        Primitive::many("*", 0, |m, all| fold(m, all, 1, arithmetic::product)),
        Primitive::many("-", 1, |m, all| less(m, all, 0, arithmetic::difference)),
        Primitive::many("/", 1, |m, all| less(m, all, 1, arithmetic::quotient)),
        Primitive::many("=", 1, equal),
        Primitive::many("<", 1, |_, all| ordered("<", all, Order::is_lt)),
        Primitive::many(">", 1, |_, all| ordered(">", all, Order::is_gt)),
        Primitive::many("<=", 1, |_, all| ordered("<=", all, Order::is_le)),
        Primitive::many(">=", 1, |_, all| ordered(">=", all, Order::is_ge)),
        Primitive::many("max", 1, |m, all| extreme(m, "max", all, Order::Greater)),
        Primitive::many("min", 1, |m, all| extreme(m, "min", all, Order::Less)),
        Primitive::one("zero?", |_, n| Ok(Value::boolean(check::complex("zero?", 1, n)?.is_zero()))),
        Primitive::one("abs", |m, n| m.number(tower::absolute(number("abs", 1, n)?))),
        Primitive::two("expt", expt),
    ]
}

type Binary = fn(&Machine<'_>, Value, Value) -> Outcome;

fn fold(machine: &Machine<'_>, all: &Arguments<'_>, unit: usize, f: Binary) -> Outcome {
    all.iter().try_fold(Value::index(unit), |sum, value| f(machine, sum, value))
}

/// `(- a)`, `(- a b …)` and likewise for `/`.
fn less(machine: &Machine<'_>, all: &Arguments<'_>, unit: usize, f: Binary) -> Outcome {
    let first = all.get(0).unwrap_or(Value::index(unit));
    match (all.len(), unit) {
        (1, 0) => match Number::of(first) {
            Some(real) => machine.number(tower::negated(real)),
            None => f(machine, Value::index(0), first),
        },
        (1, _) => f(machine, Value::index(unit), first),
        _ => all.iter().skip(1).try_fold(first, |rest, value| f(machine, rest, value)),
    }
}

fn ordered(name: &'static str, all: &Arguments<'_>, holds: fn(Order) -> bool) -> Outcome {
    let mut yes = true;
    let mut former: Option<Number> = None;
    for (i, value) in all.iter().enumerate() {
        let n = number(name, i + 1, value)?;
        yes &= former.is_none_or(|former| former.order(&n).is_some_and(holds));
        former = Some(n);
    }
    Ok(Value::boolean(yes))
}

fn equal(_: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    let mut yes = true;
    let mut former: Option<Value> = None;
    for (i, value) in all.iter().enumerate() {
        check::complex("=", i + 1, value)?;
        yes &= former.is_none_or(|former| arithmetic::are_equal(former, value));
        former = Some(value);
    }
    Ok(Value::boolean(yes))
}

fn extreme(machine: &Machine<'_>, name: &'static str, all: &Arguments<'_>, wanted: Order) -> Outcome {
    let mut best = number(name, 1, all.get(0).unwrap_or(Value::index(0)))?;
    let mut exact = best.is_exact();
    for (i, value) in all.iter().enumerate().skip(1) {
        let n = number(name, i + 1, value)?;
        exact &= n.is_exact();
        let is_nan = |n: &Number| matches!(n, Number::Flo(x) if x.is_nan());
        if !is_nan(&best) && (is_nan(&n) || n.order(&best) == Some(wanted)) {
            best = n;
        }
    }
    if exact { machine.number(best) } else { machine.flonum(best.inexact()) }
}

fn expt(machine: &Machine<'_>, base: Value, exponent: Value) -> Outcome {
    if let Some(result) = complex::expt(base, exponent) {
        return machine.complex(result.ok_or(Fault::DivisionByZero { procedure: "expt" })?);
    }
    let (base, exponent) = (number("expt", 1, base)?, number("expt", 2, exponent)?);
    let limit = machine.scheme().heap_limit;
    match power::power(&base, &exponent, limit as u64 * 8) {
        Ok(Some(n)) => machine.number(n),
        Ok(None) => Err(Fault::DivisionByZero { procedure: "expt" }),
        Err(power::TooLarge) => Err(Fault::OutOfMemory { limit }),
    }
}

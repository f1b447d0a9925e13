//! Arithmetic on numbers of either kind, and on integers.

use std::cmp::Ordering as Order;

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::runtime::arithmetic;
use crate::scheme::value::Value;

use super::check::{Number, fixnum, number, wrong};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::many("+", 0, |m, all| fold(m, all, 0, arithmetic::sum)),
        Primitive::many("*", 0, |m, all| fold(m, all, 1, arithmetic::product)),
        Primitive::many("-", 1, |m, all| less(m, all, 0, arithmetic::difference)),
        Primitive::many("/", 1, |m, all| less(m, all, 1, arithmetic::quotient)),
        Primitive::many("=", 1, |_, all| ordered("=", all, Order::is_eq)),
        Primitive::many("<", 1, |_, all| ordered("<", all, Order::is_lt)),
        Primitive::many(">", 1, |_, all| ordered(">", all, Order::is_gt)),
        Primitive::many("<=", 1, |_, all| ordered("<=", all, Order::is_le)),
        Primitive::many(">=", 1, |_, all| ordered(">=", all, Order::is_ge)),
        Primitive::many("max", 1, |m, all| extreme(m, "max", all, Order::Greater)),
        Primitive::many("min", 1, |m, all| extreme(m, "min", all, Order::Less)),
        Primitive::one("zero?", |_, n| Ok(Value::boolean(number("zero?", 1, n)?.inexact() == 0.0))),
        Primitive::one("abs", abs),
        Primitive::two("quotient", |m, a, b| {
            divide(m, "quotient", a, b, |a, b| a / b, |a, b| (a / b).trunc())
        }),
        Primitive::two("remainder", |m, a, b| divide(m, "remainder", a, b, |a, b| a % b, |a, b| a % b)),
        Primitive::two("modulo", |m, a, b| divide(m, "modulo", a, b, modulo, |a, b| a - b * (a / b).floor())),
        Primitive::many("gcd", 0, |_, all| {
            all.iter()
                .enumerate()
                .try_fold(0, |g, (i, n)| Ok(gcd(g, fixnum("gcd", i + 1, n)?)))
                .and_then(|n| exact("gcd", Some(n)))
        }),
        Primitive::many("lcm", 0, |_, all| {
            all.iter()
                .enumerate()
                .try_fold(1, |l, (i, n)| lcm(l, fixnum("lcm", i + 1, n)?))
                .and_then(|n| exact("lcm", Some(n)))
        }),
        Primitive::one("even?", |_, n| parity("even?", n, 0.0)),
        Primitive::one("odd?", |_, n| parity("odd?", n, 1.0)),
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
    if all.len() == 1 {
        return negate(machine, first, unit, f);
    }
    all.iter().skip(1).try_fold(first, |rest, value| f(machine, rest, value))
}

fn negate(machine: &Machine<'_>, value: Value, unit: usize, f: Binary) -> Outcome {
    match Number::of(value) {
        // 0 - 0.0 would lose the sign.
        Some(Number::Flo(x)) if unit == 0 => machine.flonum(-x),
        _ => f(machine, Value::index(unit), value),
    }
}

fn ordered(name: &'static str, all: &Arguments<'_>, holds: fn(Order) -> bool) -> Outcome {
    let mut yes = true;
    let mut former: Option<Number> = None;
    for (i, value) in all.iter().enumerate() {
        let n = number(name, i + 1, value)?;
        yes &= former.is_none_or(|former| former.order(n).is_some_and(holds));
        former = Some(n);
    }
    Ok(Value::boolean(yes))
}

fn extreme(machine: &Machine<'_>, name: &'static str, all: &Arguments<'_>, wanted: Order) -> Outcome {
    let mut best: Option<Number> = None;
    let mut inexact = false;
    for (i, value) in all.iter().enumerate() {
        let n = number(name, i + 1, value)?;
        inexact |= matches!(n, Number::Flo(_));
        let better = best.is_none_or(|best| n.order(best).is_none_or(|order| order == wanted));
        if better && !best.is_some_and(|best| best.inexact().is_nan()) {
            best = Some(n);
        }
    }
    match best {
        Some(n) if inexact => machine.flonum(n.inexact()),
        Some(Number::Fix(n)) => exact(name, Some(n)),
        Some(Number::Flo(x)) => machine.flonum(x),
        None => Ok(Value::index(0)),
    }
}

/// A result that must fit.
pub fn exact(procedure: &'static str, n: Option<i64>) -> Outcome {
    n.and_then(Value::fixnum).ok_or(Fault::Overflow { procedure })
}

fn abs(machine: &Machine<'_>, value: Value) -> Outcome {
    match number("abs", 1, value)? {
        Number::Fix(n) => exact("abs", n.checked_abs()),
        Number::Flo(x) => machine.flonum(x.abs()),
    }
}

fn divide(
    machine: &Machine<'_>,
    name: &'static str,
    a: Value,
    b: Value,
    exactly: fn(i64, i64) -> i64,
    inexactly: fn(f64, f64) -> f64,
) -> Outcome {
    match (integer(name, 1, a)?, integer(name, 2, b)?) {
        (_, Number::Fix(0)) => Err(Fault::DivisionByZero { procedure: name }),
        (Number::Fix(a), Number::Fix(b)) => exact(name, Some(exactly(a, b))),
        (_, Number::Flo(0.0)) => Err(Fault::DivisionByZero { procedure: name }),
        (a, b) => machine.flonum(inexactly(a.inexact(), b.inexact())),
    }
}

/// An integer of either kind.
fn integer(name: &'static str, position: usize, value: Value) -> Result<Number, Fault> {
    match Number::of(value) {
        Some(Number::Flo(x)) if !x.is_finite() || x.fract() != 0.0 => {}
        Some(n) => return Ok(n),
        None => {}
    }
    Err(wrong(name, position, "an integer", value))
}

/// The remainder with the sign of the divisor.
fn modulo(a: i64, b: i64) -> i64 {
    let r = a % b;
    if r != 0 && (r < 0) != (b < 0) { r + b } else { r }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

fn lcm(a: i64, b: i64) -> Result<i64, Fault> {
    match gcd(a, b) {
        0 => Ok(0),
        g => (a / g).checked_mul(b).map(i64::abs).ok_or(Fault::Overflow { procedure: "lcm" }),
    }
}

fn parity(name: &'static str, value: Value, remainder: f64) -> Outcome {
    let odd = match integer(name, 1, value)? {
        Number::Fix(n) => (n & 1) as f64,
        Number::Flo(x) => (x % 2.0).abs(),
    };
    Ok(Value::boolean(odd == remainder))
}

fn expt(machine: &Machine<'_>, base: Value, exponent: Value) -> Outcome {
    match (number("expt", 1, base)?, number("expt", 2, exponent)?) {
        (Number::Fix(b), Number::Fix(n)) if n >= 0 => exact("expt", power(b, n)),
        (Number::Flo(b), Number::Fix(n)) if i32::try_from(n).is_ok() => machine.flonum(b.powi(n as i32)),
        (b, n) => machine.flonum(b.inexact().powf(n.inexact())),
    }
}

/// Squares and multiplies; `None` on overflow. Bases whose powers never grow are good for any exponent.
fn power(mut base: i64, mut n: i64) -> Option<i64> {
    let mut result: i64 = 1;
    loop {
        if n & 1 == 1 {
            result = result.checked_mul(base)?;
        }
        n >>= 1;
        if n == 0 {
            return Some(result);
        }
        base = base.checked_mul(base)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn modulo_has_the_sign_of_the_divisor(a in -1000_i64..1000, b in (-50_i64..50).prop_filter("divisor", |b| *b != 0)) {
            let m = modulo(a, b);
            prop_assert_eq!((a - m) % b, 0);
            prop_assert!(m == 0 || (m < 0) == (b < 0));
            prop_assert!(m.abs() < b.abs());
        }

        #[test]
        fn power_multiplies(base in -9_i64..9, n in 0_i64..18) {
            prop_assert_eq!(power(base, n), Some((0..n).map(|_| base).product()));
        }
    }

    #[test]
    fn powers_overflow_or_not() {
        assert_eq!(power(2, 62), Some(1 << 62));
        assert_eq!(power(2, 64), None);
        assert_eq!(power(-1, i64::MAX), Some(-1));
        assert_eq!(gcd(-12, 18), 6);
    }
}

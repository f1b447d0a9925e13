//! Functions of real numbers, rounding, and the way between exact and inexact.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::numbers::division::{self, Rounding, rounded};
use crate::scheme::numbers::inexact::logarithm;
use crate::scheme::numbers::power::square_root;
use crate::scheme::numbers::{Number, Rational};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{number, wrong};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("exp", exp),
        Primitive::one("sin", |m, x| real(m, "sin", x, f64::sin)),
        Primitive::one("cos", |m, x| real(m, "cos", x, f64::cos)),
        Primitive::one("tan", |m, x| real(m, "tan", x, f64::tan)),
        Primitive::one("asin", |m, x| real(m, "asin", x, f64::asin)),
        Primitive::one("acos", |m, x| real(m, "acos", x, f64::acos)),
        Primitive::many("atan", 1, atan),
        Primitive::many("log", 1, log),
        Primitive::one("sqrt", sqrt),
        Primitive::one("floor", |m, x| round(m, "floor", x, division::FLOOR)),
        Primitive::one("ceiling", |m, x| round(m, "ceiling", x, division::CEILING)),
        Primitive::one("truncate", |m, x| round(m, "truncate", x, division::TRUNCATE)),
        Primitive::one("round", |m, x| round(m, "round", x, division::ROUND)),
        Primitive::one("exact?", |_, x| Ok(Value::boolean(number("exact?", 1, x)?.is_exact()))),
        Primitive::one("inexact?", |_, x| Ok(Value::boolean(!number("inexact?", 1, x)?.is_exact()))),
        Primitive::one("exact", |m, x| to_exact(m, "exact", x)),
        Primitive::one("inexact->exact", |m, x| to_exact(m, "inexact->exact", x)),
        Primitive::one("inexact", |m, x| real(m, "inexact", x, |x| x)),
        Primitive::one("exact->inexact", |m, x| real(m, "exact->inexact", x, |x| x)),
        Primitive::one("numerator", |m, x| part(m, "numerator", x, |r| r.numer().clone())),
        Primitive::one("denominator", |m, x| part(m, "denominator", x, |r| r.denom().clone())),
    ]
}

fn real(machine: &Machine<'_>, name: &'static str, x: Value, f: fn(f64) -> f64) -> Outcome {
    machine.flonum(f(number(name, 1, x)?.inexact()))
}

/// 1 to the 0th power is exact.
fn exp(machine: &Machine<'_>, x: Value) -> Outcome {
    if x == Value::index(0) { Ok(Value::index(1)) } else { real(machine, "exp", x, f64::exp) }
}

/// NaN for negative flonums, as of all that has no real result; an exact argument has an exact or inexact root, or none.
fn sqrt(machine: &Machine<'_>, x: Value) -> Outcome {
    let n = number("sqrt", 1, x)?;
    if n.is_exact() && n.is_negative() {
        return Err(wrong("sqrt", 1, "non-negative (there are no complex numbers)", x));
    }
    machine.number(square_root(&n))
}

fn round(machine: &Machine<'_>, name: &'static str, x: Value, rounding: Rounding) -> Outcome {
    machine.number(rounded(rounding, number(name, 1, x)?))
}

fn to_exact(machine: &Machine<'_>, name: &'static str, x: Value) -> Outcome {
    let exact = number(name, 1, x)?.exact();
    machine.number(exact.ok_or_else(|| wrong(name, 1, "a finite number", x))?)
}

fn part(
    machine: &Machine<'_>,
    name: &'static str,
    x: Value,
    f: fn(&Rational) -> num_bigint::BigInt,
) -> Outcome {
    let n = number(name, 1, x)?;
    let ratio = n.to_rational().ok_or_else(|| wrong(name, 1, "a rational number", x))?;
    let part = Number::integer(f(&ratio));
    if n.is_exact() { machine.number(part) } else { machine.flonum(part.inexact()) }
}

/// The number in argument `index`, if there is one.
fn argument(name: &'static str, all: &Arguments<'_>, index: usize) -> Result<Option<Number>, Fault> {
    all.get(index).map(|v| number(name, index + 1, v)).transpose()
}

fn atan(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("atan", 2)?;
    let y = argument("atan", all, 0)?.map_or(0.0, |y| y.inexact());
    let x = argument("atan", all, 1)?;
    if all.get(0) == Some(Value::index(0))
        && x.as_ref().is_none_or(|x| x.is_exact() && !x.is_negative() && !x.is_zero())
    {
        return Ok(Value::index(0));
    }
    machine.flonum(x.map_or(y.atan(), |x| y.atan2(x.inexact())))
}

/// `(log x)`, `(log x base)`.
fn log(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("log", 2)?;
    if all.len() == 1 && all.get(0) == Some(Value::index(1)) {
        return Ok(Value::index(0));
    }
    let x = argument("log", all, 0)?.map_or(0.0, |x| natural(&x));
    let base = argument("log", all, 1)?.map(|base| natural(&base));
    machine.flonum(base.map_or(x, |base| x / base))
}

fn natural(x: &Number) -> f64 {
    match x {
        Number::Big(n) if !x.is_negative() => logarithm(n),
        Number::Rat(r) if !x.is_negative() => logarithm(r.numer()) - logarithm(r.denom()),
        other => other.inexact().ln(),
    }
}

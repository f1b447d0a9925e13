//! Functions of real numbers, rounding, and the way between exact and inexact.

use num_complex::Complex64;

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::numbers::complex::Complex;
use crate::scheme::numbers::division::{self, Rounding, rounded};
use crate::scheme::numbers::inexact::logarithm;
use crate::scheme::numbers::{Number, Rational, arithmetic as tower};
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{self, number, wrong};
use super::complex::{self, function};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("exp", exp),
        Primitive::one("sin", |m, x| function(m, "sin", x, f64::sin, Complex64::sin)),
        Primitive::one("cos", |m, x| function(m, "cos", x, f64::cos, Complex64::cos)),
        Primitive::one("tan", |m, x| function(m, "tan", x, f64::tan, Complex64::tan)),
        Primitive::one("asin", |m, x| function(m, "asin", x, f64::asin, Complex64::asin)),
        Primitive::one("acos", |m, x| function(m, "acos", x, f64::acos, Complex64::acos)),
        Primitive::many("atan", 1, atan),
        Primitive::many("log", 1, log),
        Primitive::one("sqrt", complex::sqrt),
        Primitive::one("floor", |m, x| round(m, "floor", x, division::FLOOR)),
        Primitive::one("ceiling", |m, x| round(m, "ceiling", x, division::CEILING)),
        Primitive::one("truncate", |m, x| round(m, "truncate", x, division::TRUNCATE)),
        Primitive::one("round", |m, x| round(m, "round", x, division::ROUND)),
        Primitive::one("exact?", |_, x| Ok(Value::boolean(check::complex("exact?", 1, x)?.is_exact()))),
        Primitive::one("inexact?", |_, x| Ok(Value::boolean(!check::complex("inexact?", 1, x)?.is_exact()))),
        Primitive::one("exact", |m, x| to_exact(m, "exact", x)),
        Primitive::one("inexact->exact", |m, x| to_exact(m, "inexact->exact", x)),
        Primitive::one("inexact", |m, x| to_inexact(m, "inexact", x)),
        Primitive::one("exact->inexact", |m, x| to_inexact(m, "exact->inexact", x)),
        Primitive::one("numerator", |m, x| part(m, "numerator", x, |r| r.numer().clone())),
        Primitive::one("denominator", |m, x| part(m, "denominator", x, |r| r.denom().clone())),
    ]
}

fn to_inexact(machine: &Machine<'_>, name: &'static str, x: Value) -> Outcome {
    match Number::of(x) {
        Some(real) => machine.flonum(real.inexact()),
        None => machine.complex(Complex::inexact(check::complex(name, 1, x)?.to_inexact())),
    }
}

/// 1 to the 0th power is exact.
fn exp(machine: &Machine<'_>, x: Value) -> Outcome {
    if x == Value::index(0) {
        return Ok(Value::index(1));
    }
    function(machine, "exp", x, f64::exp, Complex64::exp)
}

fn round(machine: &Machine<'_>, name: &'static str, x: Value, rounding: Rounding) -> Outcome {
    machine.number(rounded(rounding, number(name, 1, x)?))
}

fn to_exact(machine: &Machine<'_>, name: &'static str, x: Value) -> Outcome {
    let finite = || wrong(name, 1, "a finite number", x);
    let Complex { re, im } = check::complex(name, 1, x)?;
    machine.complex(Complex { re: re.exact().ok_or_else(finite)?, im: im.exact().ok_or_else(finite)? })
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
    if let (Some(z), 1) = (all.get(0).filter(|z| Number::of(*z).is_none()), all.len()) {
        return function(machine, "atan", z, f64::atan, Complex64::atan);
    }
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
    let logarithms: Vec<Complex> =
        all.iter().enumerate().map(|(i, z)| logarithm_of(i + 1, z)).collect::<Result<_, _>>()?;
    machine.complex(match logarithms.as_slice() {
        [z, base] => z.over(base).ok_or(Fault::DivisionByZero { procedure: "log" })?,
        all => all[0].clone(),
    })
}

fn logarithm_of(position: usize, z: Value) -> Result<Complex, Fault> {
    match Number::of(z) {
        Some(real) if !real.is_negative() => Ok(Complex::real(Number::Flo(natural(&real)))),
        Some(real) => {
            let magnitude = Number::Flo(natural(&tower::absolute(real)));
            Ok(Complex { re: magnitude, im: Number::Flo(std::f64::consts::PI) })
        }
        None => Ok(Complex::inexact(check::complex("log", position, z)?.to_inexact().ln())),
    }
}

fn natural(x: &Number) -> f64 {
    match x {
        Number::Big(n) if !x.is_negative() => logarithm(n),
        Number::Rat(r) if !x.is_negative() => logarithm(r.numer()) - logarithm(r.denom()),
        other => other.inexact().ln(),
    }
}

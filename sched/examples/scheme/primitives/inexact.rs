//! Functions of real numbers, rounding, and the way between exact and inexact.

use crate::scheme::fault::Fault;
use crate::scheme::machine::Machine;
use crate::scheme::runtime::arguments::Arguments;
use crate::scheme::value::Value;

use super::check::{Number, number};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::one("exp", |m, x| real(m, "exp", x, f64::exp)),
        Primitive::one("sin", |m, x| real(m, "sin", x, f64::sin)),
        Primitive::one("cos", |m, x| real(m, "cos", x, f64::cos)),
        Primitive::one("tan", |m, x| real(m, "tan", x, f64::tan)),
        Primitive::one("asin", |m, x| real(m, "asin", x, f64::asin)),
        Primitive::one("acos", |m, x| real(m, "acos", x, f64::acos)),
        Primitive::many("atan", 1, atan),
        Primitive::many("log", 1, log),
        Primitive::one("sqrt", sqrt),
        Primitive::one("floor", |m, x| rounded(m, "floor", x, f64::floor)),
        Primitive::one("ceiling", |m, x| rounded(m, "ceiling", x, f64::ceil)),
        Primitive::one("truncate", |m, x| rounded(m, "truncate", x, f64::trunc)),
        Primitive::one("round", |m, x| rounded(m, "round", x, f64::round_ties_even)),
        Primitive::one("exact?", |_, x| {
            Ok(Value::boolean(matches!(number("exact?", 1, x)?, Number::Fix(_))))
        }),
        Primitive::one("inexact?", |_, x| {
            Ok(Value::boolean(matches!(number("inexact?", 1, x)?, Number::Flo(_))))
        }),
        Primitive::one("exact", |_, x| to_exact("exact", x)),
        Primitive::one("inexact->exact", |_, x| to_exact("inexact->exact", x)),
        Primitive::one("inexact", |m, x| real(m, "inexact", x, |x| x)),
        Primitive::one("exact->inexact", |m, x| real(m, "exact->inexact", x, |x| x)),
    ]
}

fn real(machine: &Machine<'_>, name: &'static str, x: Value, f: fn(f64) -> f64) -> Outcome {
    machine.flonum(f(number(name, 1, x)?.inexact()))
}

/// Exact numbers are integers: there is nothing to round.
fn rounded(machine: &Machine<'_>, name: &'static str, x: Value, f: fn(f64) -> f64) -> Outcome {
    match number(name, 1, x)? {
        Number::Fix(_) => Ok(x),
        Number::Flo(x) => machine.flonum(f(x)),
    }
}

fn to_exact(name: &'static str, x: Value) -> Outcome {
    let Number::Flo(number) = number(name, 1, x)? else { return Ok(x) };
    if number.fract() != 0.0 || !number.is_finite() {
        let what =
            format!("{} is not an integer, and there are no exact fractions", super::write::shortened(x));
        return Err(Fault::Unfit { procedure: name, what });
    }
    let integer = (number.abs() < (1_u64 << 63) as f64).then_some(number as i64);
    super::exact::exact(name, integer)
}

fn atan(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("atan", 2)?;
    let argument = |i| all.get(i).map(|v| number("atan", i + 1, v)).transpose();
    let y = argument(0)?.map_or(0.0, Number::inexact);
    machine.flonum(argument(1)?.map_or(y.atan(), |x| y.atan2(x.inexact())))
}

fn log(machine: &Machine<'_>, all: &Arguments<'_>) -> Outcome {
    all.at_most("log", 2)?;
    let argument = |i| all.get(i).map(|v| number("log", i + 1, v)).transpose();
    let x = argument(0)?.map_or(0.0, Number::inexact);
    machine.flonum(argument(1)?.map_or(x.ln(), |base| x.ln() / base.inexact().ln()))
}

/// The root of a perfect square is exact.
fn sqrt(machine: &Machine<'_>, x: Value) -> Outcome {
    match number("sqrt", 1, x)? {
        Number::Fix(n) if n >= 0 && n.isqrt() * n.isqrt() == n => {
            super::exact::exact("sqrt", Some(n.isqrt()))
        }
        other => machine.flonum(other.inexact().sqrt()),
    }
}

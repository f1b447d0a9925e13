//! Complex numbers: their parts, and what the functions of real numbers do with them or give of them.

use num_complex::Complex64;

use crate::scheme::machine::Machine;
use crate::scheme::numbers::arithmetic as tower;
use crate::scheme::numbers::complex::Complex;
use crate::scheme::numbers::{Number, power};
use crate::scheme::value::Value;

use super::check::{complex, number};
use super::{Outcome, Primitive};

/// The primitives of this file.
pub fn table() -> Vec<Primitive> {
    vec![
        Primitive::two("make-rectangular", |m, re, im| {
            let part = |position, part| number("make-rectangular", position, part);
            m.complex(Complex { re: part(1, re)?, im: part(2, im)? })
        }),
        Primitive::two("make-polar", |m, magnitude, angle| {
            let part = |position, part| number("make-polar", position, part);
            m.complex(Complex::polar(&part(1, magnitude)?, &part(2, angle)?))
        }),
        Primitive::one("real-part", |m, z| m.number(complex("real-part", 1, z)?.re)),
        Primitive::one("imag-part", |m, z| m.number(complex("imag-part", 1, z)?.im)),
        Primitive::one("magnitude", |m, z| match Number::of(z) {
            Some(real) => m.number(tower::absolute(real)),
            None => m.number(complex("magnitude", 1, z)?.magnitude()),
        }),
        Primitive::one("angle", |m, z| match Number::of(z) {
            Some(real) if real.is_exact() && !real.is_negative() => Ok(Value::index(0)),
            _ => m.flonum(complex("angle", 1, z)?.angle()),
        }),
    ]
}

/// A function of flonums, or that of complex numbers where the first has no result, or the argument is not real.
pub fn function(
    machine: &Machine<'_>,
    name: &'static str,
    z: Value,
    real: fn(f64) -> f64,
    other: fn(Complex64) -> Complex64,
) -> Outcome {
    if let Some(x) = Number::of(z) {
        let (x, y) = (x.inexact(), real(x.inexact()));
        if x.is_nan() || !y.is_nan() {
            return machine.flonum(y);
        }
    }
    machine.complex(Complex::inexact(other(complex(name, 1, z)?.to_inexact())))
}

/// `sqrt`, exact if it can be.
pub fn sqrt(machine: &Machine<'_>, z: Value) -> Outcome {
    match Number::of(z) {
        Some(n) if n.is_negative() => {
            machine.complex(Complex { re: Number::Fix(0), im: power::square_root(&tower::negated(n)) })
        }
        Some(n) => machine.number(power::square_root(&n)),
        None => machine.complex(complex("sqrt", 1, z)?.square_root()),
    }
}

/// `(expt base exponent)` where the result need not be real; `None` if it is the business of real numbers.
pub fn expt(base: Value, exponent: Value) -> Option<Option<Complex>> {
    let (z, w) = (Complex::of(base)?, Complex::of(exponent)?);
    match (Number::of(base), Number::of(exponent)) {
        (None, Some(Number::Fix(n))) if z.is_exact() => Some(z.integral_power(n)),
        (Some(x), Some(y)) if !x.is_negative() || y.is_integer() => None,
        // Not to be rooted by way of flonums.
        (Some(x), Some(y)) if y == half() => {
            Some(Some(Complex { re: Number::Fix(0), im: power::square_root(&tower::negated(x)) }))
        }
        _ => Some(Some(z.power(&w))),
    }
}

fn half() -> Number {
    Number::rational(num_rational::Ratio::new(1.into(), 2.into()))
}

/// A pair of operands of which one may not be real.
pub fn combine(
    machine: &Machine<'_>,
    name: &'static str,
    a: Value,
    b: Value,
    f: fn(&Complex, &Complex) -> Complex,
) -> Outcome {
    machine.complex(f(&complex(name, 1, a)?, &complex(name, 2, b)?))
}

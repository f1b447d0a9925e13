//! The tower of real numbers: fixnums, bignums and ratios, which are exact, and flonums; and pairs of them, complex numbers.
//!
//! ```text
//!   Fix(i64)   63 bits, in the value itself
//!   Big        whatever does not fit a fixnum, and nothing else
//!   Rat        in lowest terms, denominator at least 2
//!   Flo        IEEE double
//! ```
//!
//! Here numbers are plain Rust data without references into the collected heap; `primitives/check.rs` takes them out of
//! objects, and [`Machine::number`](super::machine::Machine::number) makes objects of them.

pub mod arithmetic;
pub mod complex;
pub mod division;
pub mod inexact;
pub mod order;
pub mod parse;
pub mod power;
pub mod print;

use num_bigint::BigInt;
use num_rational::Ratio;
use num_traits::ToPrimitive;

use super::value::Value;

/// An exact fraction.
pub type Rational = Ratio<BigInt>;

/// A number. Made by [`Number::integer`] and [`Number::rational`], it is of the first kind of the table that can hold it.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// Fits a fixnum.
    Fix(i64),
    /// An integer that does not.
    Big(BigInt),
    /// An exact fraction.
    Rat(Rational),
    /// Inexact.
    Flo(f64),
}

impl Number {
    /// A small integer; a bignum if it takes more than 63 bits.
    pub fn small(n: i64) -> Number {
        if (Value::FIXNUM_MIN..=Value::FIXNUM_MAX).contains(&n) {
            Number::Fix(n)
        } else {
            Number::Big(n.into())
        }
    }

    /// An integer.
    pub fn integer(n: BigInt) -> Number {
        match n.to_i64().map(Number::small) {
            Some(small @ Number::Fix(_)) => small,
            _ => Number::Big(n),
        }
    }

    /// A fraction, which `Ratio` keeps in lowest terms.
    pub fn rational(r: Rational) -> Number {
        if r.is_integer() { Number::integer(r.to_integer()) } else { Number::Rat(r) }
    }

    /// Is it exact?
    pub fn is_exact(&self) -> bool {
        !matches!(self, Number::Flo(_))
    }

    /// Is it an integer, exact or not?
    pub fn is_integer(&self) -> bool {
        match self {
            Number::Fix(_) | Number::Big(_) => true,
            Number::Rat(_) => false,
            Number::Flo(x) => x.is_finite() && x.fract() == 0.0,
        }
    }

    /// As a big integer, if it is an exact integer.
    pub fn to_big(&self) -> Option<BigInt> {
        match self {
            Number::Fix(n) => Some((*n).into()),
            Number::Big(n) => Some(n.clone()),
            Number::Rat(_) | Number::Flo(_) => None,
        }
    }

    /// As a fraction; `None` for infinities and NaN.
    pub fn to_rational(&self) -> Option<Rational> {
        match self {
            Number::Fix(n) => Some(Ratio::from_integer((*n).into())),
            Number::Big(n) => Some(Ratio::from_integer(n.clone())),
            Number::Rat(r) => Some(r.clone()),
            Number::Flo(x) => inexact::exactly(*x),
        }
    }

    /// The nearest inexact number, ties to even.
    pub fn inexact(&self) -> f64 {
        match self {
            Number::Fix(n) => *n as f64,
            Number::Big(n) => inexact::nearest(n, &1.into()),
            Number::Rat(r) => inexact::nearest(r.numer(), r.denom()),
            Number::Flo(x) => *x,
        }
    }

    /// The exact number of the same value; `None` for infinities and NaN.
    pub fn exact(self) -> Option<Number> {
        match self {
            Number::Flo(x) => inexact::exactly(x).map(Number::rational),
            exact => Some(exact),
        }
    }
}

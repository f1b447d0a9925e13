//! Integer division in its two roundings, greatest common divisors, and rounding to integers.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed};

use super::{Number, Rational};

/// An integer division of both kinds of integers.
#[derive(Clone, Copy, Debug)]
pub struct Division {
    small: fn(i64, i64) -> i64,
    large: fn(&BigInt, &BigInt) -> BigInt,
    inexact: fn(f64, f64) -> f64,
}

/// Towards zero.
pub const QUOTIENT: Division =
    Division { small: |a, b| a.wrapping_div(b), large: |a, b| a / b, inexact: |a, b| (a / b).trunc() };
/// With the sign of the dividend.
pub const REMAINDER: Division =
    Division { small: |a, b| a.wrapping_rem(b), large: |a, b| a % b, inexact: |a, b| a % b };
/// Towards minus infinity.
pub const FLOOR_QUOTIENT: Division = Division {
    small: |a, b| Integer::div_floor(&a, &b),
    large: Integer::div_floor,
    inexact: |a, b| (a / b).floor(),
};
/// With the sign of the divisor.
pub const MODULO: Division =
    Division { small: |a, b| Integer::mod_floor(&a, &b), large: Integer::mod_floor, inexact: inexact_modulo };

fn inexact_modulo(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

/// Divides two integers; `None` if the divisor is zero. The caller has checked that they are integers.
pub fn divide(division: Division, a: &Number, b: &Number) -> Option<Number> {
    if b.is_zero() {
        return None;
    }
    Some(match (a, b) {
        // A fixnum is no i64::MIN: no quotient of two overflows.
        (Number::Fix(a), Number::Fix(b)) => Number::small((division.small)(*a, *b)),
        _ => match (a.to_big(), b.to_big()) {
            (Some(a), Some(b)) => Number::integer((division.large)(&a, &b)),
            _ => Number::Flo((division.inexact)(a.inexact(), b.inexact())),
        },
    })
}

/// The greatest common divisor of two integers, inexact if one of them is.
pub fn gcd(a: &Number, b: &Number) -> Option<Number> {
    combined(a, b, |a, b| a.gcd(b))
}

/// The least common multiple of two integers.
pub fn lcm(a: &Number, b: &Number) -> Option<Number> {
    combined(a, b, |a, b| a.lcm(b))
}

fn combined(a: &Number, b: &Number, f: fn(&BigInt, &BigInt) -> BigInt) -> Option<Number> {
    let exact = a.is_exact() && b.is_exact();
    let big = |n: &Number| n.clone().exact()?.to_big();
    let result = Number::integer(f(&big(a)?, &big(b)?).abs());
    Some(if exact { result } else { Number::Flo(result.inexact()) })
}

/// A way to round to an integer.
#[derive(Clone, Copy, Debug)]
pub struct Rounding {
    ratio: fn(&Rational) -> Rational,
    inexact: fn(f64) -> f64,
}

/// Down.
pub const FLOOR: Rounding = Rounding { ratio: Rational::floor, inexact: f64::floor };
/// Up.
pub const CEILING: Rounding = Rounding { ratio: Rational::ceil, inexact: f64::ceil };
/// Towards zero.
pub const TRUNCATE: Rounding = Rounding { ratio: Rational::trunc, inexact: f64::trunc };
/// To the nearest, halves to the even one.
pub const ROUND: Rounding = Rounding { ratio: half_to_even, inexact: f64::round_ties_even };

fn half_to_even(r: &Rational) -> Rational {
    let half = Rational::new(1.into(), 2.into());
    let up = (r + &half).floor();
    let tie = (r - r.floor()) == half;
    if tie && up.numer().is_odd() { up - Rational::one() } else { up }
}

/// Rounds to an integer of the same exactness.
pub fn rounded(rounding: Rounding, n: Number) -> Number {
    match n {
        Number::Rat(r) => Number::rational((rounding.ratio)(&r)),
        Number::Flo(x) => Number::Flo((rounding.inexact)(x)),
        integer => integer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_traits::{Signed, Zero};
    use proptest::prelude::*;

    fn integer() -> impl Strategy<Value = BigInt> {
        (any::<i128>(), 0_u32..126).prop_map(|(n, shift)| (n >> shift).into())
    }

    fn divided(division: Division, a: &BigInt, b: &BigInt) -> BigInt {
        let [a, b] = [a, b].map(|n| Number::integer(n.clone()));
        divide(division, &a, &b).and_then(|n| n.to_big()).expect("an integer")
    }

    proptest! {
        #[test]
        fn quotient_and_remainder_make_up_the_dividend(a in integer(), b in integer()) {
            prop_assume!(!b.is_zero());
            for (quotient, remainder) in [(QUOTIENT, REMAINDER), (FLOOR_QUOTIENT, MODULO)] {
                let (q, r) = (divided(quotient, &a, &b), divided(remainder, &a, &b));
                prop_assert_eq!(&q * &b + &r, a.clone());
                prop_assert!(r.abs() < b.abs());
            }
            let (r, m) = (divided(REMAINDER, &a, &b), divided(MODULO, &a, &b));
            prop_assert!(r.is_zero() || r.is_negative() == a.is_negative());
            prop_assert!(m.is_zero() || m.is_negative() == b.is_negative());
        }

        #[test]
        fn flonums_divide_as_the_integers_that_they_are(a in -1000_i64..1000, b in -30_i64..30) {
            prop_assume!(b != 0);
            for division in [QUOTIENT, REMAINDER, FLOOR_QUOTIENT, MODULO] {
                let exact = divide(division, &Number::Fix(a), &Number::Fix(b)).expect("a quotient");
                let inexact = divide(division, &Number::Flo(a as f64), &Number::Flo(b as f64)).expect("a quotient");
                prop_assert_eq!(exact.inexact(), inexact.inexact());
            }
        }

        #[test]
        fn fractions_round_as_flonums_do(n in -4000_i64..4000) {
            // Quarters are flonums.
            let exact = Number::rational(Rational::new(n.into(), 4.into()));
            for rounding in [FLOOR, CEILING, TRUNCATE, ROUND] {
                let inexact = rounded(rounding, Number::Flo(n as f64 / 4.0));
                prop_assert_eq!(rounded(rounding, exact.clone()).inexact(), inexact.inexact());
            }
        }
    }
}

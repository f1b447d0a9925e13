//! Powers and square roots: exact where the result is.

use num_bigint::BigInt;
use num_integer::Roots;
use num_traits::{Pow, Signed, ToPrimitive};

use super::{Number, Rational};

/// A power with more bits than the caller allows.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge;

/// `base` to the `exponent`, of at most so many `bits` if it is exact. `None` for a negative power of an exact zero.
pub fn power(base: &Number, exponent: &Number, bits: u64) -> Result<Option<Number>, TooLarge> {
    match (base, exponent) {
        (Number::Flo(x), Number::Fix(n)) => {
            Ok(Some(Number::Flo(i32::try_from(*n).map_or(x.powf(*n as f64), |n| x.powi(n)))))
        }
        (Number::Fix(1), n) if n.is_exact() => Ok(Some(Number::Fix(1))),
        (Number::Fix(0), Number::Fix(n)) if *n != 0 => Ok((*n > 0).then_some(Number::Fix(0))),
        (Number::Fix(-1), n) if n.to_big().is_some() => Ok(Some(Number::Fix(if is_odd(n) { -1 } else { 1 }))),
        (base, Number::Fix(n)) => exact_power(base, *n, bits).map(Some),
        (_, Number::Big(_)) if base.is_exact() => Err(TooLarge),
        (base, Number::Rat(r)) if base.is_exact() && *r.denom() == BigInt::from(2) => {
            root_power(base, r, bits)
        }
        _ => Ok(Some(Number::Flo(base.inexact().powf(exponent.inexact())))),
    }
}

fn is_odd(n: &Number) -> bool {
    n.to_big().is_some_and(|n| n.bit(0))
}

fn exact_power(base: &Number, exponent: i64, bits: u64) -> Result<Number, TooLarge> {
    let r = base.to_rational().ok_or(TooLarge)?;
    let size = r.numer().bits().max(r.denom().bits());
    if size.saturating_mul(exponent.unsigned_abs()) > bits {
        return Err(TooLarge);
    }
    let n = u32::try_from(exponent.unsigned_abs()).map_err(|_| TooLarge)?;
    let raised = Rational::new_raw(Pow::pow(r.numer(), n), Pow::pow(r.denom(), n));
    Ok(Number::rational(if exponent < 0 { raised.recip() } else { raised }))
}

/// An odd power of a square root.
fn root_power(base: &Number, exponent: &Rational, bits: u64) -> Result<Option<Number>, TooLarge> {
    let root = square_root(base);
    power(&root, &Number::integer(exponent.numer().clone()), bits)
}

/// The square root: exact if the number is the square of an exact one. NaN for negative ones.
pub fn square_root(n: &Number) -> Number {
    let exact = match n {
        Number::Flo(_) => None,
        exact => exact.to_rational().and_then(|r| exact_root(&r)),
    };
    exact.unwrap_or_else(|| Number::Flo(inexact_root(n)))
}

/// Of numbers beyond the flonums, too, whose roots are not.
fn inexact_root(n: &Number) -> f64 {
    let x = n.inexact();
    match n.to_rational() {
        Some(r) if n.is_exact() && x == f64::INFINITY => Number::integer(r.to_integer().sqrt()).inexact(),
        Some(r) if n.is_exact() && r.is_positive() && x < f64::MIN_POSITIVE => {
            1.0 / Number::integer(r.recip().to_integer().sqrt()).inexact()
        }
        _ => x.sqrt(),
    }
}

fn exact_root(r: &Rational) -> Option<Number> {
    let root = |n: &BigInt| Some(n.sqrt()).filter(|root| root * root == *n);
    if r.is_negative() {
        return None;
    }
    Some(Number::rational(Rational::new_raw(root(r.numer())?, root(r.denom())?)))
}

/// The largest integer whose square is not greater than `n`; `None` if `n` is negative.
pub fn integer_root(n: &BigInt) -> Option<BigInt> {
    (!n.is_negative()).then(|| n.sqrt())
}

/// `n · 2^count`, rounded down.
pub fn shifted(n: &BigInt, count: i64, bits: u64) -> Result<BigInt, TooLarge> {
    if count <= 0 {
        return Ok(n >> count.unsigned_abs().to_usize().unwrap_or(usize::MAX));
    }
    if n.bits().saturating_add(count as u64) > bits { Err(TooLarge) } else { Ok(n << count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BITS: u64 = 100_000;

    fn of(base: Number, exponent: i64) -> Option<Number> {
        power(&base, &Number::Fix(exponent), BITS).expect("small enough")
    }

    proptest! {
        #[test]
        fn powers_multiply(n in -50_i64..50, d in 1_i64..9, exponent in 0_i64..40) {
            let base = Rational::new(n.into(), d.into());
            let product = (0..exponent).fold(Rational::from_integer(1.into()), |p, _| p * &base);
            prop_assert_eq!(of(Number::rational(base.clone()), exponent), Some(Number::rational(product.clone())));
            if n != 0 {
                prop_assert_eq!(of(Number::rational(base), -exponent), Some(Number::rational(product.recip())));
            }
        }

        #[test]
        fn squares_have_exact_roots(n: i64, d in 1_i64..1000) {
            let r = Rational::new(n.into(), d.into());
            let root = square_root(&Number::rational(&r * &r));
            prop_assert_eq!(root, Number::rational(r.abs()));
        }

        #[test]
        fn integer_roots_are_the_largest(n in any::<u128>()) {
            let n = BigInt::from(n);
            let root = integer_root(&n).expect("not negative");
            prop_assert!(&root * &root <= n && (&root + 1) * (&root + 1) > n);
        }
    }

    #[test]
    fn roots_are_found_of_what_no_flonum_holds() {
        let huge: BigInt = BigInt::from(10).pow(400_u32) + 1;
        let root = |r: Rational| square_root(&Number::rational(r)).inexact();
        assert_eq!(root(Rational::from_integer(huge.clone())), 1e200);
        assert!((root(Rational::new(1.into(), huge)) * 1e200 - 1.0).abs() < 1e-15);
        assert_eq!(root(Rational::new(9.into(), 8.into())), 1.125_f64.sqrt());
    }

    #[test]
    fn powers_that_no_memory_holds_are_refused() {
        assert_eq!(power(&Number::Fix(2), &Number::Fix(i64::MAX >> 1), BITS), Err(TooLarge));
        assert_eq!(of(Number::Fix(-1), i64::MAX >> 1), Some(Number::Fix(-1)));
        assert_eq!(of(Number::Fix(0), -1), None);
        assert_eq!(of(Number::Fix(0), 0), Some(Number::Fix(1)));
        assert_eq!(shifted(&1.into(), BITS as i64, BITS), Err(TooLarge));
        assert_eq!(shifted(&BigInt::from(-5), -1, BITS), Ok(BigInt::from(-3)));
        let half = Number::rational(Rational::new(1.into(), 2.into()));
        assert_eq!(power(&Number::Fix(16), &half, BITS), Ok(Some(Number::Fix(4))));
    }
}

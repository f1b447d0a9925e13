//! Between exact and inexact numbers, without a rounding error on either way.

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::Ratio;
use num_traits::{Signed, ToPrimitive, Zero};

use super::Rational;

/// Bits of a flonum's fraction, without the leading one.
const FRACTION_BITS: u32 = 52;
/// The unit of the smallest flonums is 2^-1074.
const SMALLEST: i64 = 1074;

/// The exact value of a flonum; `None` for infinities and NaN.
pub fn exactly(x: f64) -> Option<Rational> {
    if !x.is_finite() {
        return None;
    }
    let bits = x.to_bits();
    let biased = (bits >> FRACTION_BITS & 0x7ff) as i64;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let significand = if biased == 0 { fraction } else { fraction | 1 << FRACTION_BITS };
    let exponent = biased.max(1) - 1 - SMALLEST;
    let signed = if x < 0.0 { -BigInt::from(significand) } else { significand.into() };
    Some(if exponent >= 0 {
        Ratio::from_integer(signed << exponent)
    } else {
        Ratio::new(signed, BigInt::from(1) << -exponent)
    })
}

/// The flonum nearest to `numerator / denominator`, which is positive; ties to even.
pub fn nearest(numerator: &BigInt, denominator: &BigInt) -> f64 {
    let magnitude = numerator.abs();
    if magnitude.is_zero() {
        return 0.0;
    }
    let ratio = magnitude.bits() as i64 - denominator.bits() as i64;
    // 65 or 66 bits of quotient, but none below a quarter of the smallest flonum's unit.
    let shift = (65 - ratio).min(SMALLEST + 2);
    let x = if shift >= 0 {
        rounded(&(magnitude << shift), denominator, shift)
    } else {
        rounded(&magnitude, &(denominator << -shift), shift)
    };
    if numerator.is_negative() { -x } else { x }
}

/// `dividend / divisor · 2^-shift`.
fn rounded(dividend: &BigInt, divisor: &BigInt, shift: i64) -> f64 {
    let (quotient, rest) = dividend.div_rem(divisor);
    let sticky = u128::from(!rest.is_zero());
    let quotient = quotient.to_u128().unwrap_or(u128::MAX) | sticky;
    if shift < SMALLEST + 2 || quotient >> (FRACTION_BITS + 3) != 0 {
        // The cast rounds to even, and the scaling is exact: the result is no smaller than the normal flonums.
        return scaled(quotient as f64, -shift);
    }
    // Of the smallest ones, the last two bits and the sticky one decide.
    let up = quotient & 3 == 3 || quotient & 7 == 6;
    scaled((quotient / 4 + u128::from(up)) as f64, -SMALLEST)
}

/// `x · 2^exponent` in steps that a flonum can hold.
fn scaled(x: f64, exponent: i64) -> f64 {
    let power = |e: i64| f64::from_bits(((e + 1023) as u64) << FRACTION_BITS);
    match exponent {
        ..-1022 => scaled(x * power(-1022), exponent + 1022),
        1024.. if x.is_infinite() || exponent > 4000 => f64::INFINITY,
        1024.. => scaled(x * power(1023), exponent - 1023),
        _ => x * power(exponent),
    }
}

/// The natural logarithm of a positive integer, however large.
pub fn logarithm(n: &BigInt) -> f64 {
    let excess = n.bits().saturating_sub(1000);
    let head = n >> excess;
    nearest(&head, &1.into()).ln() + excess as f64 * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finite() -> impl Strategy<Value = f64> {
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |x| x.is_finite())
    }

    proptest! {
        #[test]
        fn flonums_survive_the_way_to_exact_and_back(x in finite()) {
            let exact = exactly(x).expect("finite");
            prop_assert_eq!(nearest(exact.numer(), exact.denom()), x);
        }

        #[test]
        fn ratios_round_as_the_standard_library_reads_decimals(digits in "[1-9][0-9]{0,40}", exponent in -345_i32..300) {
            let ten = BigInt::from(10);
            let n: BigInt = digits.parse().expect("digits");
            let power = ten.pow(exponent.unsigned_abs());
            let read: f64 = format!("{digits}e{exponent}").parse().expect("a flonum");
            let ours = if exponent >= 0 { nearest(&(n * power), &1.into()) } else { nearest(&n, &power) };
            prop_assert_eq!(ours, read);
        }

        #[test]
        fn halfway_between_two_flonums_the_even_one_wins(x in finite(), up: bool) {
            let (low, high) = if up { (x, x.next_up()) } else { (x.next_down(), x) };
            prop_assume!(low.is_finite() && high.is_finite());
            let middle = (exactly(low).expect("finite") + exactly(high).expect("finite")) / BigInt::from(2);
            let even = if low.to_bits() & 1 == 0 { low } else { high };
            prop_assert_eq!(nearest(middle.numer(), middle.denom()), even);
        }
    }

    /// Not rounded twice: the quotient of such a ratio has more bits than a flonum, though its last ones are those of the smallest flonums.
    #[test]
    fn ratios_a_little_above_the_smallest_normal_flonums() {
        for exponent in 300..325 {
            let read: f64 = format!("1e-{exponent}").parse().expect("a flonum");
            assert_eq!(nearest(&1.into(), &BigInt::from(10).pow(exponent)), read);
        }
    }

    #[test]
    fn logarithms_of_numbers_beyond_the_flonums() {
        let huge = BigInt::from(2).pow(10_000);
        assert!((logarithm(&huge) - 10_000.0 * std::f64::consts::LN_2).abs() < 1e-9);
        assert_eq!(nearest(&huge, &1.into()), f64::INFINITY);
    }
}

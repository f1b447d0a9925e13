//! Sum, difference, product, quotient: exact if both operands are.

use num_bigint::BigInt;
use num_traits::Zero;

use super::{Number, Rational};

/// How to combine two numbers of each kind.
struct Operation {
    small: fn(i64, i64) -> Option<i64>,
    large: fn(BigInt, BigInt) -> BigInt,
    ratio: fn(Rational, Rational) -> Rational,
    inexact: fn(f64, f64) -> f64,
}

impl Operation {
    fn apply(&self, a: &Number, b: &Number) -> Number {
        match (a, b) {
            (Number::Fix(x), Number::Fix(y)) => match (self.small)(*x, *y) {
                Some(n) => Number::small(n),
                None => Number::integer((self.large)((*x).into(), (*y).into())),
            },
            (Number::Flo(_), _) | (_, Number::Flo(_)) => {
                Number::Flo((self.inexact)(a.inexact(), b.inexact()))
            }
            _ => match (a.to_big(), b.to_big(), a.to_rational(), b.to_rational()) {
                (Some(x), Some(y), ..) => Number::integer((self.large)(x, y)),
                (.., Some(x), Some(y)) => Number::rational((self.ratio)(x, y)),
                // Exact numbers are fractions.
                _ => Number::Flo(f64::NAN),
            },
        }
    }
}

/// `a + b`.
pub fn sum(a: &Number, b: &Number) -> Number {
    let operation = Operation {
        small: i64::checked_add,
        large: |a, b| a + b,
        ratio: |a, b| a + b,
        inexact: |a, b| a + b,
    };
    operation.apply(a, b)
}

/// `a - b`.
pub fn difference(a: &Number, b: &Number) -> Number {
    let operation = Operation {
        small: i64::checked_sub,
        large: |a, b| a - b,
        ratio: |a, b| a - b,
        inexact: |a, b| a - b,
    };
    operation.apply(a, b)
}

/// `a · b`.
pub fn product(a: &Number, b: &Number) -> Number {
    let operation = Operation {
        small: i64::checked_mul,
        large: |a, b| a * b,
        ratio: |a, b| a * b,
        inexact: |a, b| a * b,
    };
    operation.apply(a, b)
}

/// `a / b`; `None` if `b` is an exact zero.
pub fn quotient(a: &Number, b: &Number) -> Option<Number> {
    match (a, b) {
        (_, Number::Fix(0)) => None,
        (Number::Fix(x), Number::Fix(y)) if x % y == 0 => Some(Number::small(x / y)),
        (Number::Flo(_), _) | (_, Number::Flo(_)) => Some(Number::Flo(a.inexact() / b.inexact())),
        _ => Some(Number::rational(a.to_rational()? / b.to_rational()?)),
    }
}

/// `-a`, of which 0 - 0.0 would lose the sign.
pub fn negated(a: Number) -> Number {
    match a {
        Number::Fix(n) => Number::small(-n),
        Number::Big(n) => Number::integer(-n),
        Number::Rat(r) => Number::Rat(-r),
        Number::Flo(x) => Number::Flo(-x),
    }
}

/// Its magnitude.
pub fn absolute(a: Number) -> Number {
    match a {
        Number::Flo(x) => Number::Flo(x.abs()),
        exact if exact.is_negative() => negated(exact),
        exact => exact,
    }
}

impl Number {
    /// Less than 0?
    pub fn is_negative(&self) -> bool {
        match self {
            Number::Fix(n) => *n < 0,
            Number::Big(n) => n.sign() == num_bigint::Sign::Minus,
            Number::Rat(r) => r.numer().sign() == num_bigint::Sign::Minus,
            Number::Flo(x) => *x < 0.0,
        }
    }

    /// Is it 0, or 0.0?
    pub fn is_zero(&self) -> bool {
        match self {
            Number::Fix(n) => *n == 0,
            Number::Big(n) => n.is_zero(),
            Number::Rat(_) => false,
            Number::Flo(x) => *x == 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Integers on both sides of the limits of fixnums, and fractions.
    fn exact() -> impl Strategy<Value = Number> {
        let near = any::<i128>().prop_flat_map(|n| (0_u32..120).prop_map(move |s| n >> s));
        (near, prop_oneof![Just(1_i64), 1_i64..1000])
            .prop_map(|(n, d)| Number::rational(Rational::new(n.into(), d.into())))
    }

    fn ratio(n: &Number) -> Rational {
        n.to_rational().expect("exact")
    }

    fn is_canonical(n: &Number) -> bool {
        *n == Number::rational(ratio(n))
            && !matches!(n, Number::Big(big) if i64::try_from(big).is_ok_and(|n| n.unsigned_abs() < 1 << 62))
    }

    proptest! {
        #[test]
        fn exact_arithmetic_agrees_with_fractions(a in exact(), b in exact()) {
            for (ours, theirs) in [
                (sum(&a, &b), ratio(&a) + ratio(&b)),
                (difference(&a, &b), ratio(&a) - ratio(&b)),
                (product(&a, &b), ratio(&a) * ratio(&b)),
                (negated(a.clone()), -ratio(&a)),
            ] {
                prop_assert_eq!(ratio(&ours), theirs);
                prop_assert!(is_canonical(&ours), "{:?}", ours);
            }
            match quotient(&a, &b) {
                None => prop_assert!(b.is_zero()),
                Some(q) => {
                    prop_assert_eq!(ratio(&q), ratio(&a) / ratio(&b));
                    prop_assert!(is_canonical(&q));
                }
            }
        }

        #[test]
        fn one_inexact_operand_is_enough(a in exact(), x: f64) {
            let sum = sum(&a, &Number::Flo(x)).inexact();
            prop_assert!(sum == a.inexact() + x || sum.is_nan());
        }
    }
}

//! Numerical order. Exact: an exact number that no flonum equals is not rounded to one.

use std::cmp::Ordering as Order;

use super::Number;

impl Number {
    /// How it compares; `None` if either is NaN.
    pub fn order(&self, other: &Number) -> Option<Order> {
        match (self, other) {
            (Number::Fix(a), Number::Fix(b)) => Some(a.cmp(b)),
            (Number::Flo(a), Number::Flo(b)) => a.partial_cmp(b),
            (Number::Big(a), Number::Big(b)) => Some(a.cmp(b)),
            (Number::Fix(a), Number::Flo(b)) => small_and_inexact(*a, *b),
            (Number::Flo(a), Number::Fix(b)) => small_and_inexact(*b, *a).map(Order::reverse),
            (a, Number::Flo(b)) if !b.is_finite() => 0.0.partial_cmp(b).filter(|_| a.is_exact()),
            (Number::Flo(a), _) if !a.is_finite() => a.partial_cmp(&0.0),
            (a, b) => Some(a.to_rational()?.cmp(&b.to_rational()?)),
        }
    }
}

fn small_and_inexact(n: i64, x: f64) -> Option<Order> {
    // 2^62 is a flonum, so beyond it the answer is plain, and below it the integral part fits an i64.
    const LIMIT: f64 = (1_u64 << 62) as f64;
    if x.is_nan() {
        None
    } else if x >= LIMIT {
        Some(Order::Less)
    } else if x < -LIMIT {
        Some(Order::Greater)
    } else {
        let whole = x.trunc();
        Some(n.cmp(&(whole as i64)).then(0.0.partial_cmp(&(x - whole))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;

    #[test]
    fn mixed_order_does_not_round() {
        let order = |a: Number, b: f64| a.order(&Number::Flo(b));
        let big = (1 << 62) - 1;
        assert_eq!(order(Number::Fix(big), big as f64), Some(Order::Less), "2^62 - 1 rounds to 2^62");
        assert_eq!(order(Number::Fix(1), 1.5), Some(Order::Less));
        assert_eq!(order(Number::Fix(-1), -1.5), Some(Order::Greater));
        assert_eq!(order(Number::Fix(2), 2.0), Some(Order::Equal));
        assert_eq!(order(Number::Fix(0), f64::NAN), None);
        assert_eq!(order(Number::Fix(0), f64::NEG_INFINITY), Some(Order::Greater));
        let bigger = Number::Big(BigInt::from(1_u64 << 63) + 1);
        assert_eq!(order(bigger.clone(), 9_223_372_036_854_775_808.0), Some(Order::Greater));
        assert_eq!(order(bigger.clone(), f64::INFINITY), Some(Order::Less));
        assert_eq!(order(bigger, f64::NAN), None);
        let third = Number::rational(super::super::Rational::new(1.into(), 3.into()));
        assert_eq!(order(third.clone(), 1.0 / 3.0), Some(Order::Greater));
        assert_eq!(Number::Flo(1.0 / 3.0).order(&third), Some(Order::Less));
        assert_eq!(Number::Flo(f64::INFINITY).order(&third), Some(Order::Greater));
    }
}

//! Complex numbers by real and imaginary part, each a [`Number`] of any kind: exact arithmetic stays exact.
//!
//! Only what is not real is one: an imaginary part that is an exact 0 is left out ([`Machine::complex`](crate::scheme::machine::Machine::complex)).
//! Functions that are not arithmetic are those of flonums, by `num_complex`.

use num_complex::Complex64;

use super::arithmetic::{difference, negated, product, quotient, sum};
use super::power::square_root;
use super::{Number, print};

/// A complex number.
#[derive(Clone, Debug, PartialEq)]
pub struct Complex {
    /// Real part.
    pub re: Number,
    /// Imaginary part.
    pub im: Number,
}

impl Complex {
    /// Of a real number.
    pub fn real(re: Number) -> Complex {
        Complex { re, im: Number::Fix(0) }
    }

    /// Of flonums.
    pub fn inexact(z: Complex64) -> Complex {
        Complex { re: Number::Flo(z.re), im: Number::Flo(z.im) }
    }

    /// Of magnitude and angle.
    pub fn polar(magnitude: &Number, angle: &Number) -> Complex {
        if *angle == Number::Fix(0) {
            return Complex::real(magnitude.clone());
        }
        Complex::inexact(Complex64::from_polar(magnitude.inexact(), angle.inexact()))
    }

    /// In flonums.
    pub fn to_inexact(&self) -> Complex64 {
        Complex64::new(self.re.inexact(), self.im.inexact())
    }

    /// The real number that it is, if it is one.
    pub fn as_real(&self) -> Option<&Number> {
        (self.im == Number::Fix(0)).then_some(&self.re)
    }

    /// Are both parts exact?
    pub fn is_exact(&self) -> bool {
        self.re.is_exact() && self.im.is_exact()
    }

    /// Is it 0?
    pub fn is_zero(&self) -> bool {
        self.re.is_zero() && self.im.is_zero()
    }

    /// `self + other`.
    pub fn plus(&self, other: &Complex) -> Complex {
        Complex { re: sum(&self.re, &other.re), im: sum(&self.im, &other.im) }
    }

    /// `self - other`.
    pub fn minus(&self, other: &Complex) -> Complex {
        Complex { re: difference(&self.re, &other.re), im: difference(&self.im, &other.im) }
    }

    /// `self · other`.
    pub fn times(&self, other: &Complex) -> Complex {
        // A real factor must not make parts of its own: 0 · infinity is none.
        match (&self.im, &other.im) {
            (Number::Fix(0), _) => other.scaled(&self.re),
            (_, Number::Fix(0)) => self.scaled(&other.re),
            _ => Complex {
                re: difference(&product(&self.re, &other.re), &product(&self.im, &other.im)),
                im: sum(&product(&self.re, &other.im), &product(&self.im, &other.re)),
            },
        }
    }

    fn scaled(&self, factor: &Number) -> Complex {
        Complex { re: product(&self.re, factor), im: product(&self.im, factor) }
    }

    /// `self / other`; `None` if that is an exact 0.
    pub fn over(&self, other: &Complex) -> Option<Complex> {
        if other.im == Number::Fix(0) {
            let im = quotient(&self.im, &other.re)?;
            let is_real = self.im == Number::Fix(0);
            return Some(Complex {
                re: quotient(&self.re, &other.re)?,
                im: if is_real { Number::Fix(0) } else { im },
            });
        }
        if !self.is_exact() && !other.is_exact() {
            return Some(Complex::inexact(self.to_inexact() / other.to_inexact()));
        }
        let square = sum(&product(&other.re, &other.re), &product(&other.im, &other.im));
        let conjugate = Complex { re: other.re.clone(), im: negated(other.im.clone()) };
        let above = self.times(&conjugate);
        Some(Complex { re: quotient(&above.re, &square)?, im: quotient(&above.im, &square)? })
    }

    /// Its distance from 0.
    pub fn magnitude(&self) -> Number {
        if self.is_exact() {
            return square_root(&sum(&product(&self.re, &self.re), &product(&self.im, &self.im)));
        }
        Number::Flo(self.to_inexact().norm())
    }

    /// Its direction, from -π to π.
    pub fn angle(&self) -> f64 {
        self.to_inexact().arg()
    }

    /// The root with the greater real part: exact if it can be.
    pub fn square_root(&self) -> Complex {
        self.exact_root().unwrap_or_else(|| Complex::inexact(self.to_inexact().sqrt()))
    }

    /// The root of a + bi is √((|z| + a) / 2) + b / (2 · that) i.
    fn exact_root(&self) -> Option<Complex> {
        let half = |n: &Number| quotient(n, &Number::Fix(2));
        let exact = |n: Number| n.is_exact().then_some(n);
        if !self.is_exact() {
            return None;
        }
        let magnitude = exact(self.magnitude())?;
        let re = exact(square_root(&half(&sum(&magnitude, &self.re))?))?;
        if re.is_zero() {
            // On the negative real axis.
            return Some(Complex { re, im: exact(square_root(&negated(self.re.clone())))? });
        }
        let im = quotient(&half(&self.im)?, &re)?;
        Some(Complex { re, im })
    }

    /// To an exact integral power, by squaring; `None` for a negative power of an exact 0.
    pub fn integral_power(&self, exponent: i64) -> Option<Complex> {
        let (mut result, mut square) = (Complex::real(Number::Fix(1)), self.clone());
        let mut rest = exponent.unsigned_abs();
        while rest > 0 {
            if rest & 1 == 1 {
                result = result.times(&square);
            }
            square = square.times(&square.clone());
            rest >>= 1;
        }
        if exponent < 0 { Complex::real(Number::Fix(1)).over(&result) } else { Some(result) }
    }

    /// To any power.
    pub fn power(&self, exponent: &Complex) -> Complex {
        if self.is_zero() {
            return Complex::real(self.re.clone());
        }
        Complex::inexact(self.to_inexact().powc(exponent.to_inexact()))
    }

    /// As text in `radix`; `None` for flonums in another one than 10.
    pub fn in_radix(&self, radix: u32) -> Option<String> {
        let re = if self.re == Number::Fix(0) { String::new() } else { print::in_radix(&self.re, radix)? };
        let im = print::in_radix(&self.im, radix)?;
        let sign = if im.starts_with(['+', '-']) { "" } else { "+" };
        let im = match im.as_str() {
            "1" => "",
            "-1" => "-",
            other => other,
        };
        Some(format!("{re}{sign}{im}i"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use proptest::prelude::*;

    fn gaussian() -> impl Strategy<Value = Complex> {
        (-40_i64..40, -40_i64..40).prop_map(|(re, im)| Complex { re: Number::Fix(re), im: Number::Fix(im) })
    }

    proptest! {
        #[test]
        fn quotients_times_divisors_are_dividends(a in gaussian(), b in gaussian()) {
            match a.over(&b) {
                None => prop_assert!(b.is_zero()),
                Some(quotient) => prop_assert_eq!(quotient.times(&b), a),
            }
        }

        #[test]
        fn squares_have_exact_roots(a in gaussian()) {
            let root = a.times(&a).square_root();
            prop_assert!(root == a || root == Complex::real(Number::Fix(0)).minus(&a), "{:?} {:?}", a, root);
            prop_assert!(!root.re.is_negative());
        }

        #[test]
        fn what_is_written_is_read_again(a in gaussian(), radix in 2_u32..17) {
            prop_assume!(!a.im.is_zero());
            let text = a.in_radix(radix).expect("exact");
            prop_assert_eq!(parse::complex(&text, radix), Some(a), "{}", text);
        }

        #[test]
        fn powers_multiply(a in gaussian(), n in 0_i64..12) {
            prop_assume!(!a.is_zero());
            let product = (0..n).fold(Complex::real(Number::Fix(1)), |product, _| product.times(&a));
            prop_assert_eq!(a.integral_power(n), Some(product.clone()));
            prop_assert_eq!(a.integral_power(-n), Complex::real(Number::Fix(1)).over(&product));
        }
    }

    #[test]
    fn flonum_parts_keep_their_signs() {
        let shown = |re, im| Complex::inexact(Complex64::new(re, im)).in_radix(10).expect("decimal");
        assert_eq!(shown(1.5, -0.5), "1.5-0.5i");
        assert_eq!(shown(-0.0, f64::INFINITY), "-0.0+inf.0i");
        assert_eq!(shown(0.0, f64::NAN), "0.0+nan.0i");
    }
}

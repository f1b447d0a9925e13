//! Numbers as text.

use super::Number;

/// A number in `radix`; `None` for a flonum in another one than 10.
pub fn in_radix(n: &Number, radix: u32) -> Option<String> {
    match n {
        Number::Fix(n) if radix == 10 => Some(n.to_string()),
        Number::Fix(n) => Some(num_bigint::BigInt::from(*n).to_str_radix(radix)),
        Number::Big(n) => Some(n.to_str_radix(radix)),
        Number::Rat(r) => {
            Some(format!("{}/{}", r.numer().to_str_radix(radix), r.denom().to_str_radix(radix)))
        }
        Number::Flo(x) => (radix == 10).then(|| flonum(*x)),
    }
}

/// A number as `display` shows it.
pub fn decimal(n: &Number) -> String {
    in_radix(n, 10).unwrap_or_default()
}

fn flonum(x: f64) -> String {
    match x {
        x if x.is_nan() => "+nan.0".into(),
        f64::INFINITY => "+inf.0".into(),
        f64::NEG_INFINITY => "-inf.0".into(),
        x => finite(x),
    }
}

/// The shortest digits that read back as the same number, with a point or an exponent; very large and very small ones
/// with an exponent.
fn finite(x: f64) -> String {
    let magnitude = x.abs();
    if x != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        return format!("{x:e}");
    }
    let digits = format!("{x}");
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flonums_show_that_they_are_inexact() {
        let shown = |x| decimal(&Number::Flo(x));
        assert_eq!(shown(1.0), "1.0");
        assert_eq!(shown(-0.5), "-0.5");
        assert_eq!(shown(-0.0), "-0.0");
        assert_eq!(shown(1e20), "100000000000000000000.0");
        assert_eq!(shown(1e21), "1e21");
        assert_eq!(shown(1.25e-10), "1.25e-10");
        assert_eq!(shown(f64::NEG_INFINITY), "-inf.0");
    }
}

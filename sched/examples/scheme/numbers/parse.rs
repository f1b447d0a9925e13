//! Numbers from text, in all notations of real numbers (R7RS 7.1.1).
//!
//! ```text
//!   #e #i #x #b #o #d   prefixes, one of each kind, in any order
//!   12  -3/4  1.5e3  .5  5.  +inf.0  -nan.0
//! ```

use num_bigint::BigInt;
use num_traits::{Num, Pow, Zero};

use super::complex::Complex;
use super::{Number, Rational};

/// The largest exponent of an exact decimal: `#e1e999999999` would fill the memory.
const MAX_EXPONENT: i32 = 100_000;

/// The number that `text` denotes in `radix`, if no prefix says otherwise; `None` if it is none.
pub fn number(text: &str, radix: u32) -> Option<Number> {
    let mut rest = text;
    let (mut radix, mut exactness, mut has_radix) = (radix, None, false);
    while let Some(prefix) = rest.strip_prefix('#') {
        let letter = prefix.chars().next()?.to_ascii_lowercase();
        match letter {
            'e' | 'i' if exactness.is_none() => exactness = Some(letter),
            'x' | 'b' | 'o' | 'd' if !has_radix => {
                has_radix = true;
                radix = radix_of(letter);
            }
            _ => return None,
        }
        rest = &prefix[1..];
    }
    let number = if exactness == Some('e') { exact(rest, radix) } else { real(rest, radix) }?;
    Some(if exactness == Some('i') { Number::Flo(number.inexact()) } else { number })
}

fn radix_of(letter: char) -> u32 {
    match letter {
        'x' => 16,
        'o' => 8,
        'b' => 2,
        _ => 10,
    }
}

/// A number without prefix.
fn real(text: &str, radix: u32) -> Option<Number> {
    special(text)
        .map(Number::Flo)
        .or_else(|| ratio(text, radix))
        .or_else(|| decimal(text, radix).map(Number::Flo))
}

/// A number after `#e`: a decimal is taken at its word.
fn exact(text: &str, radix: u32) -> Option<Number> {
    ratio(text, radix).or_else(|| exact_decimal(text, radix))
}

fn special(text: &str) -> Option<f64> {
    match &*text.to_ascii_lowercase() {
        "+inf.0" => Some(f64::INFINITY),
        "-inf.0" => Some(f64::NEG_INFINITY),
        "+nan.0" | "-nan.0" => Some(f64::NAN),
        _ => None,
    }
}

/// An integer, or two with a slash between.
fn ratio(text: &str, radix: u32) -> Option<Number> {
    match text.split_once('/') {
        None => integer(text, radix),
        Some((numerator, denominator)) => {
            let below = unsigned(denominator, radix).filter(|n| !n.is_zero())?;
            let above = integer(numerator, radix)?.to_big()?;
            Some(Number::rational(Rational::new(above, below)))
        }
    }
}

fn integer(text: &str, radix: u32) -> Option<Number> {
    let (negative, digits) = sign(text);
    // The short ones are the many.
    if digits.len() <= 11 && digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let n = i64::from_str_radix(digits, radix).ok()?;
        return Some(Number::Fix(if negative { -n } else { n }));
    }
    let n = unsigned(digits, radix)?;
    Some(Number::integer(if negative { -n } else { n }))
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn unsigned(digits: &str, radix: u32) -> Option<BigInt> {
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    plain.then(|| BigInt::from_str_radix(digits, radix).ok()).flatten()
}

/// Of what passes here, the standard library's parser takes just the decimal notation.
fn decimal(text: &str, radix: u32) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    if radix == 10 && plain { text.parse().ok() } else { None }
}

fn exact_decimal(text: &str, radix: u32) -> Option<Number> {
    decimal(text, radix)?;
    let (negative, magnitude) = sign(text);
    let (digits, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent: i32 = exponent.parse().ok()?;
    let scale = exponent.checked_sub(fraction.len() as i32)?;
    if scale.abs() > MAX_EXPONENT {
        return None;
    }
    let n = unsigned(&format!("{whole}{fraction}"), 10)?;
    let power = BigInt::from(10).pow(scale.unsigned_abs());
    let value = if scale < 0 { Rational::new(n, power) } else { Rational::from_integer(n * power) };
    Some(Number::rational(if negative { -value } else { value }))
}

/// Does `text` start like a decimal number, so that it is no identifier?
pub fn looks_like_one(text: &str) -> bool {
    let (_, plain) = sign(text);
    plain.strip_prefix('.').unwrap_or(plain).starts_with(|c: char| c.is_ascii_digit())
}

/// The complex number that `text` denotes: `1+2i`, `-i`, `1@2`. Never a real one's text.
pub fn complex(text: &str, radix: u32) -> Option<Complex> {
    let (prefix, rest) = split_prefix(text)?;
    let part = |part: &str| number(&format!("{prefix}{part}"), radix);
    if let Some((magnitude, angle)) = rest.split_once('@') {
        return Some(Complex::polar(&part(magnitude)?, &part(angle)?));
    }
    let parts = rest.strip_suffix(['i', 'I'])?;
    // A sign may stand in an exponent, too: the last one that leaves two numbers is it.
    let signs = parts.char_indices().rev().filter(|(_, c)| "+-".contains(*c));
    let mut splits = signs.map(|(at, _)| parts.split_at(at));
    splits.find_map(|(re, im)| {
        let re = if re.is_empty() { Number::Fix(0) } else { part(re)? };
        let im = if im.len() == 1 { part(&format!("{im}1"))? } else { part(im)? };
        Some(Complex { re, im })
    })
}

/// The prefixes of a number, `#e` and the like, and what follows them.
fn split_prefix(text: &str) -> Option<(&str, &str)> {
    let count = text.as_bytes().chunks(2).take_while(|pair| pair[0] == b'#' && pair.len() == 2).count();
    text.is_char_boundary(2 * count).then(|| text.split_at(2 * count))
}

#[cfg(test)]
mod tests {
    use super::super::print;
    use super::*;
    use proptest::prelude::*;

    fn ten(text: &str) -> Option<Number> {
        number(text, 10)
    }

    fn fraction(n: i64, d: i64) -> Option<Number> {
        Some(Number::rational(Rational::new(n.into(), d.into())))
    }

    #[test]
    fn complex_numbers_in_every_notation() {
        let parts = |text: &str| complex(text, 10).and_then(|z| z.in_radix(10));
        for (text, shown) in [
            ("+i", "+i"),
            ("-i", "-i"),
            ("1+2i", "1+2i"),
            ("1.5e3-2e-4i", "1500.0-0.0002i"),
            ("+inf.0i", "+inf.0i"),
            ("-nan.0-inf.0i", "+nan.0-inf.0i"),
            ("1/2+3/4i", "1/2+3/4i"),
            ("+2i", "+2i"),
            ("#xa-fi", "10-15i"),
            ("#e1.5-.5i", "3/2-1/2i"),
            ("#i#b1+i", "1.0+1.0i"),
            ("1e-2-1e-2I", "0.01-0.01i"),
        ] {
            assert_eq!(parts(text).as_deref(), Some(shown), "{text}");
            assert_eq!(ten(text), None, "{text}");
        }
        assert_eq!(complex("1@0", 10), Some(Complex::real(Number::Fix(1))));
        let polar = complex("2@1.5", 10).expect("polar");
        assert!((polar.angle() - 1.5).abs() < 1e-12 && (polar.magnitude().inexact() - 2.0).abs() < 1e-12);
        for text in [
            "i", "hi", "a+i", "+", "-", "1+", "x@y", "1@", "a-i", "+hi", "...", "->i", "1+i2", "#", "#x", "",
            "#λi",
        ] {
            assert_eq!(complex(text, 10), None, "{text}");
        }
    }

    #[test]
    fn every_notation() {
        for (text, value) in
            [("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1e3), ("-.25", -0.25), ("+2E-2", 0.02)]
        {
            assert_eq!(ten(text), Some(Number::Flo(value)), "{text}");
        }
        for (text, n, d) in [
            ("6/4", 3, 2),
            ("-1/2", -1, 2),
            ("#e1.25", 5, 4),
            ("#e-.5e1", -5, 1),
            ("#x-f/10", -15, 16),
            ("#b101", 5, 1),
            ("#e#x10", 16, 1),
            ("#x#e10", 16, 1),
            ("#o17", 15, 1),
            ("#d10", 10, 1),
            ("+5", 5, 1),
            ("#e2e3", 2000, 1),
        ] {
            assert_eq!(ten(text), fraction(n, d), "{text}");
        }
        assert_eq!(ten("#i1/4"), Some(Number::Flo(0.25)));
        assert_eq!(number("ff", 16), fraction(255, 1));
        assert_eq!(number("1e1", 16), fraction(0x1e1, 1));
        assert!(matches!(ten("-0.0"), Some(Number::Flo(x)) if x.is_sign_negative()));
        assert!(matches!(ten("+nan.0"), Some(Number::Flo(x)) if x.is_nan()));
        assert_eq!(ten("-INF.0"), Some(Number::Flo(f64::NEG_INFINITY)));
    }

    #[test]
    fn what_is_none() {
        for text in [
            "",
            "+",
            "-",
            ".",
            "1a",
            "1/0",
            "1/-2",
            "1//2",
            "/2",
            "1.2.3",
            "1e",
            "#x",
            "#x#x1",
            "#q1",
            "inf",
            "nan",
            "+inf",
            "1/2.5",
            "#xfg",
            "1e3e4",
            "--1",
            "+-1",
            "infinity",
            "#e+inf.0",
            "#e1e999999",
        ] {
            assert_eq!(ten(text), None, "{text}");
        }
        assert_eq!(number("1.5", 16), None);
        assert_eq!(number("+-1", 16), None);
    }

    proptest! {
        #[test]
        fn integers_read_as_printed_in_every_radix(n: i128, shift in 0_u32..127, radix in 2_u32..=36) {
            let n = Number::integer((n >> shift).into());
            let text = print::in_radix(&n, radix).expect("exact");
            prop_assert_eq!(number(&text, radix), Some(n));
        }

        #[test]
        fn fractions_read_as_printed(n: i64, d in 1_i64.., radix in 2_u32..=36) {
            let r = Number::rational(Rational::new(n.into(), d.into()));
            let text = print::in_radix(&r, radix).expect("exact");
            prop_assert_eq!(number(&text, radix), Some(r));
        }

        #[test]
        fn flonums_read_as_printed(bits: u64) {
            let x = f64::from_bits(bits);
            prop_assume!(!x.is_nan());
            prop_assert_eq!(ten(&print::decimal(&Number::Flo(x))), Some(Number::Flo(x)));
        }

        #[test]
        fn no_text_is_a_panic(text in "[-+.#0-9eEixbdinfa/]{0,12}", radix in 2_u32..=36) {
            let _ = number(&text, radix);
            let _ = complex(&text, radix);
        }
    }
}

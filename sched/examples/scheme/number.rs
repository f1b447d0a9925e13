//! Numerals: exact integers that fit a fixnum, and flonums.

use super::core::Datum;
use super::syntax_error::Fault;

/// The smallest exact integer: a value is a 64-bit word of which one bit is the tag.
pub const FIXNUM_MIN: i64 = -(1 << 62);

/// The largest exact integer.
pub const FIXNUM_MAX: i64 = (1 << 62) - 1;

/// Identifiers that start like numbers, by tradition.
const IDENTIFIERS: [&str; 3] = ["1+", "1-", "-1+"];

/// Reads `text` as a decimal numeral; `None` if it is an identifier instead.
///
/// # Errors
///
/// [`Fault::FixnumRange`] for an integer that is too large, [`Fault::BadNumber`] for anything
/// else that starts like a number.
pub fn decimal(text: &str) -> Result<Option<Datum>, Fault> {
    if let Some(special) = special_flonum(text) {
        return Ok(Some(Datum::Flonum(special)));
    }
    if !starts_like_a_number(text) || IDENTIFIERS.contains(&text) {
        return Ok(None);
    }
    if unsigned(text).bytes().all(|b| b.is_ascii_digit()) {
        return integer(text, text, 10).map(Some);
    }
    let flonum = is_flonum(text).then(|| text.parse().ok()).flatten();
    flonum.map(|f| Some(Datum::Flonum(f))).ok_or_else(|| Fault::BadNumber(text.to_owned()))
}

/// Reads `digits` as an exact integer in `radix`; `text` is what messages show.
///
/// # Errors
///
/// As [`decimal`].
pub fn integer(text: &str, digits: &str, radix: u32) -> Result<Datum, Fault> {
    let plain = unsigned(digits);
    if plain.is_empty() || !plain.chars().all(|c| c.is_digit(radix)) {
        return Err(Fault::BadNumber(text.to_owned()));
    }
    match i64::from_str_radix(digits, radix) {
        Ok(value @ FIXNUM_MIN..=FIXNUM_MAX) => Ok(Datum::Fixnum(value)),
        _ => Err(Fault::FixnumRange(text.to_owned())),
    }
}

fn special_flonum(text: &str) -> Option<f64> {
    match text {
        "+inf.0" => Some(f64::INFINITY),
        "-inf.0" => Some(f64::NEG_INFINITY),
        "+nan.0" | "-nan.0" => Some(f64::NAN),
        _ => None,
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn starts_like_a_number(text: &str) -> bool {
    let plain = unsigned(text);
    plain.strip_prefix('.').unwrap_or(plain).starts_with(|c: char| c.is_ascii_digit())
}

/// Of what starts like a number, the standard library's parser takes just the decimal notation
/// once the letters of `inf`, `nan` and `infinity` are ruled out.
fn is_flonum(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flonum(text: &str) -> f64 {
        match decimal(text) {
            Ok(Some(Datum::Flonum(f))) => f,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn flonums() {
        let cases =
            [("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("-.25", -0.25), ("+2E-2", 0.02)];
        for (text, value) in cases {
            assert_eq!(flonum(text), value, "{text}");
        }
        assert_eq!(flonum("-inf.0"), f64::NEG_INFINITY);
        assert!(flonum("+nan.0").is_nan());
        assert!(flonum("-0.0").is_sign_negative());
    }

    #[test]
    fn the_range_ends_where_it_says() {
        for value in [FIXNUM_MAX, FIXNUM_MIN] {
            assert_eq!(decimal(&value.to_string()), Ok(Some(Datum::Fixnum(value))));
        }
        for value in [FIXNUM_MAX as i128 + 1, FIXNUM_MIN as i128 - 1, i64::MAX as i128, 1 << 90] {
            assert_eq!(decimal(&value.to_string()), Err(Fault::FixnumRange(value.to_string())));
        }
    }

    #[test]
    fn identifiers_are_not_numbers() {
        for text in ["+", "-", "...", "1+", "-1+", "->x", ".x", "-x", "+a", "inf", "e1", "+inf", "nan"] {
            assert_eq!(decimal(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn bad_numbers() {
        for text in ["1a", "1/2", "1.2.3", "1e", "12ab", "1e3e4", "+5x", ".5."] {
            assert_eq!(decimal(text), Err(Fault::BadNumber(text.to_owned())), "{text}");
        }
        for digits in ["", "-", "g", "+-1", "1.0"] {
            assert!(matches!(integer(digits, digits, 16), Err(Fault::BadNumber(_))), "{digits}");
        }
    }

    proptest! {
        #[test]
        fn integers_read_as_printed(value in FIXNUM_MIN..=FIXNUM_MAX) {
            prop_assert_eq!(decimal(&value.to_string()), Ok(Some(Datum::Fixnum(value))));
            let sign = if value < 0 { "-" } else { "+" };
            let magnitude = value.unsigned_abs();
            for (digits, radix) in [
                (format!("{sign}{magnitude:x}"), 16),
                (format!("{sign}{magnitude:b}"), 2),
                (format!("{sign}{magnitude:o}"), 8),
            ] {
                prop_assert_eq!(integer(&digits, &digits, radix), Ok(Datum::Fixnum(value)));
            }
        }

        #[test]
        fn flonums_read_as_printed(value in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
            prop_assert_eq!(flonum(&format!("{value:?}")), value);
        }

        #[test]
        fn any_text_is_a_number_or_not_but_never_a_panic(text in "[-+.0-9eEinfa/]{0,12}") {
            let _ = decimal(&text);
        }
    }
}

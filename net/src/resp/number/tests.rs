//! Numbers against Redis's rules.

use proptest::prelude::*;

use super::{Decimal, FloatText, LongDouble, parse_f64, parse_i64};

#[test]
fn whole_numbers_have_one_spelling() {
    for (text, expect) in [
        ("0", Some(0)),
        ("7", Some(7)),
        ("-7", Some(-7)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("-9223372036854775809", None),
        ("99999999999999999999", None),
        ("-0", None),
        ("00", None),
        ("01", None),
        ("-01", None),
        ("+1", None),
        (" 1", None),
        ("1 ", None),
        ("", None),
        ("-", None),
        ("1.0", None),
        ("1e3", None),
        ("0x1", None),
    ] {
        assert_eq!(parse_i64(text.as_bytes()), expect, "{text:?}");
    }
}

#[test]
fn floats_are_read_as_by_strtod() {
    for (text, expect) in [
        ("1", Some(1.0)),
        ("+1.5", Some(1.5)),
        ("-1.5e3", Some(-1500.0)),
        (".5", Some(0.5)),
        ("5.", Some(5.0)),
        ("inf", Some(f64::INFINITY)),
        ("+Inf", Some(f64::INFINITY)),
        ("-INFINITY", Some(f64::NEG_INFINITY)),
        ("0x10", Some(16.0)),
        ("-0X1.8p1", Some(-3.0)),
        ("0x.8", Some(0.5)),
        ("0x1p-1074", Some(5e-324)),
        ("0e999", Some(0.0)),
        ("nan", None),
        ("-nan", None),
        ("", None),
        ("-", None),
        ("+-1", None),
        (".", None),
        ("1e", None),
        ("e1", None),
        ("0x", None),
        ("0x1p", None),
        (" 1", None),
        ("1 ", None),
        ("1e400", None),
        ("-1e400", None),
        ("1e-400", None),
        ("0x1p9999", None),
        ("infinit", None),
        ("1_0", None),
    ] {
        assert_eq!(parse_f64(text.as_bytes()), expect, "{text:?}");
    }
}

#[test]
fn floats_are_printed_as_by_redis() {
    for (value, expect) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (3.0, "3"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (100_000.0, "100000"),
        (1e7, "10000000"),
        (1e8, "1e+8"),
        (1.5e300, "1.5e+300"),
        (123_456_789_012.0, "123456789012"),
        (0.001, "0.001"),
        (0.000_001, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-9, "1.25e-9"),
        (0.000_123, "0.000123"),
        (0.000_123_456_789, "1.23456789e-4"),
        (12_345.123_456_789, "1.2345123456789e+4"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
    ] {
        assert_eq!(std::str::from_utf8(FloatText::new(value).as_bytes()), Ok(expect), "{value:e}");
    }
}

#[test]
fn long_doubles_add_up_as_in_redis() {
    // Taken from Redis 7.0.15: SET f <a>, INCRBYFLOAT f <b>.
    for (a, b, sum) in [
        ("10.50", "0.1", "10.6"),
        ("0.1", "0.2", "0.3"),
        ("1234.1", "1", "1235.09999999999999998"),
        ("5.0e3", "2.0e2", "5200"),
        ("1e18", "0.1", "1000000000000000000.125"),
        ("3", "-0.00000000000000001", "2.99999999999999999"),
        ("0", "1e-18", "0"),
        ("0x10", "1", "17"),
        ("0x1.8p1", "0", "3"),
        ("-0", "0", "0"),
        ("-1", "1", "0"),
        ("-0.1", "0.1", "0"),
        ("1234567.1", "1.1", "1234568.20000000000004547"),
        ("17179869184.7", "0", "17179869184.69999999925494194"),
        ("+5", "1", "6"),
        ("1e-4940", "0", "0"),
        ("9007199254740993", "0", "9007199254740993"),
        ("123456789012345678901", "0", "123456789012345678904"),
        ("inf", "1", "inf"),
        ("1", "-inf", "-inf"),
        ("inf", "-inf", "nan"),
        ("1.18e4932", "1.18e4932", "inf"),
    ] {
        let [a, b] = [a, b].map(|text| LongDouble::parse(text.as_bytes()).expect("a number"));
        for text in [(a + b).to_text(), (b + a).to_text()] {
            assert_eq!(String::from_utf8_lossy(&text), sum);
        }
    }
    for text in ["", "nan", "1e5000", "1e-5000", " 1", "1 ", "0x", "1e", "--1", "0x1p20000", "1e999999999999"]
    {
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(LongDouble::parse(&[b'1'; 5 * 1024]), None);
}

#[test]
fn large_long_doubles_are_printed_in_full() {
    let text = LongDouble::parse(b"1e300").expect("a number").to_text();
    assert!(text.starts_with(b"1000000000000000000008997324079559193870523944273290747938260082321"));
    assert_eq!(text.len(), 301);
    assert_eq!(LongDouble::parse(b"1e4000").expect("a number").to_text().len(), 4000);
}

proptest! {
    #[test]
    fn whole_numbers_come_back(value in prop_oneof![any::<i64>(), -200i64..200, -100_000i64..100_000]) {
        let text = Decimal::new(value);
        prop_assert_eq!(text.as_bytes().to_vec(), value.to_string().into_bytes());
        prop_assert_eq!(parse_i64(text.as_bytes()), Some(value));
    }

    #[test]
    fn floats_come_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(!value.is_nan());
        let text = FloatText::new(value);
        prop_assert!(text.as_bytes().len() < FloatText::MAX_BYTES);
        prop_assert_eq!(parse_f64(text.as_bytes()).map(f64::to_bits), Some(bits));
    }

    #[test]
    fn decimals_survive_a_long_double(whole in -9i32..=9, decimals in "[0-9]{0,16}[1-9]") {
        let text = format!("{whole}.{decimals}");
        prop_assert_eq!(LongDouble::parse(text.as_bytes()).expect("a number").to_text(), text.into_bytes());
    }

    #[test]
    fn whole_long_doubles_add_exactly(a in any::<i64>(), b in any::<i64>()) {
        let [x, y] = [a, b].map(|value| LongDouble::parse(value.to_string().as_bytes()).expect("a number"));
        let sum = i128::from(a) + i128::from(b);
        prop_assert_eq!((x + y).to_text(), sum.to_string().into_bytes());
    }

    #[test]
    fn near_numbers_of_i64_are_judged_as_by_the_standard_parser(text in "-?[0-9]{1,21}") {
        let strict = !text.trim_start_matches('-').starts_with('0') || text == "0";
        prop_assert_eq!(parse_i64(text.as_bytes()), text.parse::<i64>().ok().filter(|_| strict));
    }
}

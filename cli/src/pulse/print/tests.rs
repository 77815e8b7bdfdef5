//! Each kind of reply beside its expected text.

use super::*;

fn bulk(text: &str) -> Value {
    Value::Bulk(text.into())
}

fn check(value: &Value, expected: &str) {
    assert_eq!(pretty(value, Colours::Off), expected);
}

fn check_raw(value: &Value, expected: &[u8]) {
    assert_eq!(Style::Raw.render(value), expected);
}

#[test]
fn scalars_take_one_line() {
    check(&Value::Simple(b"OK".to_vec()), "OK");
    check(&Value::Error(b"ERR no".to_vec()), "(error) ERR no");
    check(&Value::Integer(-5), "(integer) -5");
    check(&Value::Double(1.5), "(double) 1.5");
    check(&Value::Double(f64::NEG_INFINITY), "(double) -inf");
    check(&Value::Double(f64::NAN), "(double) nan");
    check(&Value::Boolean(true), "(true)");
    check(&Value::BigNumber(b"123456789012345678901".to_vec()), "(big number) 123456789012345678901");
    check(&Value::Null, "(nil)");
    check(&Value::Bulk(b"a\x00\xff\"\n".to_vec()), r#""a\x00\xff\"\n""#);
}

#[test]
fn aggregates_number_and_indent() {
    let nested =
        Value::Array(vec![bulk("a"), Value::Array(vec![bulk("b"), Value::Null]), Value::Array(vec![])]);
    check(&nested, "1) \"a\"\n2) 1) \"b\"\n   2) (nil)\n3) (empty array)");
    let ten = Value::Array((1..=10).map(Value::Integer).collect());
    assert!(pretty(&ten, Colours::Off).starts_with(" 1) (integer) 1\n 2) "));
    assert!(pretty(&ten, Colours::Off).ends_with("\n10) (integer) 10"));
    check(&Value::Set(vec![bulk("m"), bulk("n")]), "1~ \"m\"\n2~ \"n\"");
    check(&Value::Push(vec![bulk("message"), bulk("c"), bulk("hi")]), "1> \"message\"\n2> \"c\"\n3> \"hi\"");
}

#[test]
fn maps_show_pairs_and_put_aggregates_below() {
    let map = Value::Map(vec![
        (bulk("server"), bulk("redis")),
        (bulk("modules"), Value::Array(vec![])),
        (bulk("inner"), Value::Map(vec![(Value::Integer(1), Value::Set(vec![bulk("x"), bulk("y")]))])),
    ]);
    let expected = "\
1# \"server\" => \"redis\"
2# \"modules\" => (empty array)
3# \"inner\" =>
   1# (integer) 1 =>
      1~ \"x\"
      2~ \"y\"";
    check(&map, expected);
    let attributed = Value::Attributed {
        attributes: vec![(bulk("ttl"), Value::Integer(5))],
        value: Box::new(Value::Array(vec![bulk("v")])),
    };
    check(&attributed, "1| \"ttl\" => (integer) 5\n1) \"v\"");
}

#[test]
fn texts_keep_their_lines_and_lose_their_powers() {
    let text = Value::Verbatim { format: *b"txt", text: b"# Server\r\nversion:1\x1b[31m\r\n".to_vec() };
    check(&text, "# Server\nversion:1\\u{1b}[31m");
    check(&Value::Error(b"ERR \x1b]0;x\x07".to_vec()), "(error) ERR \\u{1b}]0;x\\u{7}");
}

#[test]
fn raw_writes_the_bytes() {
    check_raw(&Value::Bulk(b"a\x00\xff\n".to_vec()), b"a\x00\xff\n\n");
    check_raw(&Value::Array(vec![bulk("a"), Value::Integer(1), Value::Null, bulk("b")]), b"a\n1\n\nb\n");
    check_raw(&Value::Map(vec![(bulk("k"), Value::Boolean(false))]), b"k\nfalse\n");
    check_raw(&Value::Error(b"ERR no".to_vec()), b"ERR no\n");
}

#[test]
fn colours_frame_the_text_and_can_be_off() {
    assert_eq!(pretty(&Value::Null, Colours::On), "\x1b[90m(nil)\x1b[0m");
    assert_eq!(Colours::for_terminal(false), Colours::Off);
}

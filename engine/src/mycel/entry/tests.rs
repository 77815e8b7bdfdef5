//! Unit and model tests of the entry; nothing here needs more than memory, so that Miri can run them.

use super::shape::{INLINE_MAX_BYTES, WIDE_KEY_BYTES};
use super::*;
use proptest::prelude::*;

fn text(entry: &EntryBox) -> Vec<u8> {
    entry.value().bytes(&mut Decimal::new()).to_vec()
}

#[test]
fn sizes_are_as_drawn() {
    let size = |key: usize, value, deadline| EntryBox::new(&vec![b'k'; key], value, deadline, 0).bytes();
    assert_eq!(size(16, NewValue::Bytes(&[1; 64]), None), 8 + 16 + 64);
    assert_eq!(size(16, NewValue::Bytes(&[1; 64]), Some(9)), 8 + 8 + 16 + 64);
    assert_eq!(size(16, NewValue::Int(5), None), 8 + 8 + 16);
    assert_eq!(size(16, NewValue::Int(5), Some(9)), 8 + 8 + 8 + 16);
    assert_eq!(size(WIDE_KEY_BYTES - 1, NewValue::Bytes(b""), None), 8 + WIDE_KEY_BYTES - 1);
    assert_eq!(size(WIDE_KEY_BYTES, NewValue::Bytes(b""), None), 8 + 8 + WIDE_KEY_BYTES);
    assert_eq!(size(0, NewValue::Bytes(&[1; INLINE_MAX_BYTES]), None), 8 + INLINE_MAX_BYTES);
    assert_eq!(size(0, NewValue::Bytes(&[1; INLINE_MAX_BYTES + 1]), None), 8 + 8 + 24 + INLINE_MAX_BYTES + 1);
}

#[test]
fn a_value_of_the_same_length_is_written_in_place() {
    let mut entry = EntryBox::new(b"key", NewValue::Bytes(b"one"), None, 3);
    let head = entry.head;
    entry.replace(NewValue::Bytes(b"two"), None);
    assert_eq!((entry.head, entry.value(), entry.clock()), (head, Value::Bytes(b"two"), 3));
    let mut number = EntryBox::new(b"key", NewValue::Int(1), Some(7), 0);
    let head = number.head;
    number.replace(NewValue::Int(2), Some(8));
    assert_eq!((number.head, number.value(), number.deadline_ms()), (head, Value::Int(2), Some(8)));
}

#[test]
fn a_buffer_outlives_the_moves_of_its_entry() {
    let long = vec![7u8; INLINE_MAX_BYTES * 2];
    let mut entry = EntryBox::new(b"key", NewValue::Bytes(&long), None, 0);
    let Value::Bytes(before) = entry.value() else { panic!("a string") };
    let before = before.as_ptr();
    entry.set_deadline(Some(5));
    let Value::Bytes(after) = entry.value() else { panic!("a string") };
    assert_eq!(before, after.as_ptr());
    assert_eq!(text(&entry), long);
}

#[test]
fn edits_are_raw_and_rewrites_are_not() {
    let mut entry = EntryBox::new(b"key", NewValue::Int(41), None, 0);
    assert_eq!(entry.encoding(), Encoding::Int);
    assert_eq!(entry.append(b"2"), 3);
    assert_eq!((entry.value(), entry.encoding()), (Value::Bytes(b"412"), Encoding::Raw));
    entry.replace(NewValue::Bytes(b"short"), None);
    assert_eq!(entry.encoding(), Encoding::Embstr);
    entry.replace(NewValue::Bytes(&[b'x'; 45]), None);
    assert_eq!(entry.encoding(), Encoding::Raw);
    entry.replace(NewValue::Raw(b"x"), None);
    assert_eq!(entry.encoding(), Encoding::Raw);
}

#[derive(Clone, Debug)]
enum Edit {
    Bytes(Vec<u8>, Option<u64>),
    Int(i64, Option<u64>),
    Append(Vec<u8>),
    WriteAt(usize, Vec<u8>),
    Deadline(Option<u64>),
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..20usize,
        60..70usize,
        EDIT_INLINE_MAX_BYTES - 2..EDIT_INLINE_MAX_BYTES + 3,
        INLINE_MAX_BYTES - 2..INLINE_MAX_BYTES + 3
    ]
}

fn edits() -> impl Strategy<Value = Edit> {
    let bytes = || (lengths(), any::<u8>()).prop_map(|(length, byte)| vec![byte; length]);
    prop_oneof![
        (bytes(), any::<Option<u64>>()).prop_map(|(bytes, deadline)| Edit::Bytes(bytes, deadline)),
        (any::<i64>(), any::<Option<u64>>()).prop_map(|(number, deadline)| Edit::Int(number, deadline)),
        bytes().prop_map(Edit::Append),
        (lengths(), bytes()).prop_map(|(offset, bytes)| Edit::WriteAt(offset, bytes)),
        any::<Option<u64>>().prop_map(Edit::Deadline),
    ]
}

fn check(key: &[u8], edits: &[Edit]) {
    let mut entry = EntryBox::new(key, NewValue::Bytes(b""), None, 200);
    let (mut value, mut deadline) = (Vec::new(), None);
    for edit in edits {
        match edit {
            Edit::Bytes(bytes, at) => {
                entry.replace(NewValue::Bytes(bytes), *at);
                (value, deadline) = (bytes.clone(), *at);
            }
            Edit::Int(number, at) => {
                entry.replace(NewValue::Int(*number), *at);
                (value, deadline) = (number.to_string().into_bytes(), *at);
            }
            Edit::Append(tail) => {
                value.extend_from_slice(tail);
                assert_eq!(entry.append(tail), value.len());
            }
            Edit::WriteAt(offset, bytes) => {
                let end = offset + bytes.len();
                value.resize(value.len().max(end), 0);
                value[*offset..end].copy_from_slice(bytes);
                entry.write_at(*offset, bytes);
            }
            Edit::Deadline(at) => {
                entry.set_deadline(*at);
                deadline = *at;
            }
        }
        assert_eq!(text(&entry), value);
        assert_eq!((entry.key(), entry.deadline_ms(), entry.clock()), (key, deadline, 200));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_edits_leave_what_the_model_has(edits in proptest::collection::vec(edits(), 1..20), wide in any::<bool>()) {
        check(if wide { &[b'w'; WIDE_KEY_BYTES] } else { b"key" }, &edits);
    }
}

//! Windows, back-pressure, clocks, and messages that do not fit.

use super::super::super::{Cause, Db, Deadline, NewValue, Record, RecordBuffer};
use super::super::*;
use super::bench::*;

/// Puts of half a mebibyte in a slot that has been sent.
fn write(bench: &mut Bench, count: u16) {
    for number in 0..count {
        bench.put(0, &name(0, number % 4), NewValue::Bytes(&vec![7; 512 << 10]), Deadline::None);
    }
}

#[test]
fn no_more_than_a_window_is_on_its_way() {
    let mut bench = Bench::new();
    for number in 0..40 {
        bench.put(0, &name(0, number), NewValue::Bytes(&vec![1; 100_000]), Deadline::None);
    }
    bench.open(1);
    while bench.pump(1) {}
    let sent: usize = bench.on_way.iter().map(|message| message_bytes(message.records.len())).sum();
    assert!(sent <= WINDOW_BYTES && sent > WINDOW_BYTES / 2, "{sent}");
    bench.deliver(usize::MAX);
    assert!(bench.imports.used_bytes() > 0 && bench.imports.import(PARTITION).unwrap().len() > 4);
    bench.acknowledge(usize::MAX);
    bench.pump(usize::MAX);
    assert!(!bench.on_way.is_empty());
    assert_eq!(bench.complete().digest(), bench.source.partition_digest(PARTITION));
}

#[test]
fn long_values_travel_in_pieces() {
    let mut bench = Bench::new();
    let long: Vec<u8> = (0..3 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
    bench.put(0, &name(1, 1), NewValue::Bytes(&long), Deadline::At(START_MS * 3));
    bench.put(1, &name(1, 2), NewValue::Raw(&long), Deadline::None);
    bench.open(1);
    bench.pump(1);
    bench.edit(0, &name(1, 1), |mut key| key.append(&long));
    bench.edit(0, &name(1, 1), |mut key| key.write_at(77, &long));
    for _ in 0..100 {
        bench.pump(usize::MAX);
        for message in &bench.on_way {
            assert!(message.records.len() < PIECE_BYTES + CHUNK_BYTES + 1_000);
        }
        bench.deliver(1);
        bench.acknowledge(1);
    }
    let parted = bench.complete();
    assert_eq!(held_in(parted), bench.held());
}

#[test]
fn an_export_that_is_behind_says_so_until_half_is_sent() {
    let mut bench = Bench::new();
    for number in 0..4 {
        bench.put(0, &name(0, number), NewValue::Bytes(b"1"), Deadline::None);
    }
    // Enough beyond the first slot that the snapshot is not complete.
    for number in 0..200 {
        bench.put(0, &name(2, number), NewValue::Bytes(&vec![2; 200_000]), Deadline::None);
    }
    bench.open(1);
    while bench.exports.borrow().export(PARTITION).unwrap().slots_done() == 0 {
        bench.pump(1);
    }
    write(&mut bench, 13);
    assert!(!bench.exports.borrow().is_behind(PARTITION));
    write(&mut bench, 6);
    assert!(bench.exports.borrow().is_behind(PARTITION));
    let mut least = usize::MAX;
    while bench.exports.borrow().is_behind(PARTITION) {
        bench.pump(1);
        bench.deliver(1);
        bench.acknowledge(1);
        least = least.min(bench.exports.borrow().export(PARTITION).unwrap().pending_bytes());
    }
    // Some of the snapshot may have been added in the same go.
    assert!(least < PENDING_MAX_BYTES / 2 + (1 << 19) && least > PENDING_MAX_BYTES / 4, "{least}");
    assert!(bench.exports.borrow().export(PARTITION).unwrap().slots_done() < 16);
}

/// Whoever writes as fast as is allowed does not keep a move from ending.
#[test]
fn a_move_ends_under_any_load() {
    let mut bench = Bench::new();
    for number in 0..100 {
        bench.put(0, &name(2, number), NewValue::Bytes(&vec![2; 200_000]), Deadline::None);
    }
    bench.open(1);
    let mut rounds = 0;
    while !bench.ready() {
        rounds += 1;
        assert!(rounds < 5_000, "it ends");
        while !bench.exports.borrow().is_behind(PARTITION) && !bench.ready() {
            bench.edit(0, &name(2, 1), |mut key| key.write_at(0, &[3; 100_000]));
            bench.put(0, &name(0, 1), NewValue::Bytes(&[9; 100_000]), Deadline::None);
            if bench.exports.borrow().export(PARTITION).unwrap().slots_done() == 0 {
                break;
            }
        }
        bench.pump(100_000);
        bench.deliver(4);
        bench.acknowledge(4);
        let pending = bench.exports.borrow().export(PARTITION).unwrap().pending_bytes();
        assert!(pending <= PENDING_MAX_BYTES + (1 << 20), "{pending}");
    }
    assert_eq!(bench.complete().digest(), bench.source.partition_digest(PARTITION));
}

#[test]
fn remaining_times_stay_though_clocks_differ() {
    const DAY_MS: i64 = 86_400_000;
    // What the destination is ahead, how long each way takes, and what comes of it.
    for (ahead_ms, way_ms, shift_ms) in [
        (DAY_MS, 0, DAY_MS),
        (DAY_MS, 700, DAY_MS),
        (-900_000, 0, -900_000),
        (1_000, 0, 0),
        (-1_000, 0, 0),
        (1_001, 0, 1_001),
        (0, 5_000, 0),
        (900, 60_000, 0),
    ] {
        let mut bench = Bench::new();
        bench.ahead_ms = ahead_ms;
        let at = |after_ms: u64| Some(START_MS + after_ms);
        bench.put(0, &name(0, 0), NewValue::Int(0), Deadline::At(START_MS + 500));
        bench.put(0, &name(0, 1), NewValue::Int(1), Deadline::None);
        bench.put(0, &name(0, 2), NewValue::Int(2), Deadline::At(u64::MAX));
        bench.begin(1);
        bench.pump(usize::MAX);
        assert_eq!(bench.on_way.len(), 1, "nothing goes before the clocks are known");
        bench.now_ms += way_ms;
        bench.deliver(1);
        bench.now_ms += way_ms;
        bench.acknowledge(1);
        assert_eq!(bench.exports.borrow().export(PARTITION).unwrap().shift_ms(), shift_ms);
        bench.edit(0, &name(0, 1), |mut key| key.set_deadline(at(700)));
        let there = held_in(bench.complete());
        let deadline = |number: u16| there[&(0, name(0, number))].1;
        assert_eq!(deadline(0), at(500).map(|at_ms| at_ms.saturating_add_signed(shift_ms)));
        assert_eq!(deadline(1), at(700).map(|at_ms| at_ms.saturating_add_signed(shift_ms)));
        assert_eq!(deadline(2), Some(u64::MAX.saturating_add_signed(shift_ms)));
    }
}

fn message(sequence: u64, kind: TransferKind, records: &[u8]) -> TransferMessage<'_> {
    TransferMessage { partition: 7, epoch: 5, sequence, kind, slot: 0, records }
}

fn begun() -> Imports {
    let mut imports = Imports::new(Terms { value_bytes_max: 1_000, ..terms() });
    let ack = imports.on_message(&message(100, TransferKind::Begin, &[]), START_MS);
    assert_eq!(ack, Ok(Some(Ack { partition: 7, epoch: 5, sequence: 100, now_ms: START_MS })));
    imports
}

fn encoded(record: &Record<'_>) -> Vec<u8> {
    let mut buffer = RecordBuffer::new();
    buffer.push(record);
    buffer.as_bytes().to_vec()
}

#[test]
fn a_message_that_does_not_fit_voids_the_import() {
    let db = Db::new(0);
    let own = name(0, 1);
    let put = encoded(&Record::Put { db, key: &own, value: NewValue::Bytes(b"v"), deadline_ms: None });
    let foreign = encoded(&Record::Remove { db, key: &name(3, 1), cause: Cause::Deleted });
    let long = encoded(&Record::WriteAt { db, key: &own, offset: u64::MAX, bytes: b"x" });
    let far = encoded(&Record::Swap { first: Db::new(16), second: db });
    let check = |bad: TransferMessage<'_>, expect: TransferError| {
        let mut imports = begun();
        imports.on_message(&message(101, TransferKind::Records, &put), START_MS).unwrap();
        assert_eq!(imports.on_message(&bad, START_MS), Err(expect));
        assert!(imports.import(PARTITION).is_none() && imports.used_bytes() == 0);
        assert!(imports.finish(PARTITION, 5).is_none());
        let next = message(102, TransferKind::Handover, &[]);
        assert_eq!(imports.on_message(&next, START_MS), Err(TransferError::PeerOtherTransfer));
    };
    let kind = TransferKind::Records;
    check(message(103, kind, &put), TransferError::PeerOutOfSequence { expected: 102, found: 103 });
    check(TransferMessage { epoch: 6, ..message(102, kind, &put) }, TransferError::PeerOtherTransfer);
    check(message(102, kind, b"\x09\0\0"), TransferError::PeerBadRecords);
    check(message(102, kind, &put[..put.len() - 1]), TransferError::PeerBadRecords);
    check(message(102, kind, &foreign), TransferError::PeerForeignKey);
    check(message(102, kind, &far), TransferError::PeerUnknownDatabase(Db::new(16)));
    check(message(102, kind, &long), TransferError::PeerValueTooLong { bytes: usize::MAX, max: 1_000 });
}

#[test]
fn a_message_of_an_earlier_attempt_harms_nothing() {
    let mut imports = begun();
    let other = Err(TransferError::PeerOtherTransfer);
    for kind in [TransferKind::Records, TransferKind::Abort, TransferKind::Begin, TransferKind::Handover] {
        assert_eq!(imports.on_message(&message(100, kind, &[0; 8]), START_MS), other);
        let older = TransferMessage { epoch: 4, ..message(101, kind, &[0; 8]) };
        assert_eq!(imports.on_message(&older, START_MS), other);
    }
    let ack = imports.on_message(&message(101, TransferKind::Handover, &[]), START_MS).unwrap();
    assert_eq!(ack, Some(Ack { partition: 7, epoch: 5, sequence: 101, now_ms: START_MS }));
    let late = imports.on_message(&message(102, TransferKind::Handover, &[]), START_MS);
    assert_eq!(late, Err(TransferError::PeerAfterHandover));
}

#[test]
fn a_begin_of_no_partition_is_refused() {
    let mut imports = Imports::new(terms());
    let far = TransferMessage { partition: 1_024 + 7, ..message(1, TransferKind::Begin, &[0; 8]) };
    assert_eq!(imports.on_message(&far, START_MS), Err(TransferError::PeerForeignKey));
    assert!(imports.iter().next().is_none());
}

#[test]
fn what_came_before_the_handover_is_not_given_out() {
    let mut bench = Bench::new();
    bench.put(0, &name(0, 0), NewValue::Int(0), Deadline::None);
    bench.open(1);
    bench.round();
    assert_eq!(bench.imports.import(PARTITION).unwrap().len(), 1);
    assert!(bench.imports.finish(PARTITION, 1).is_none(), "it is not complete");
    assert_eq!(bench.imports.take_remains().len(), 1);
}

/// The acknowledgement of an earlier attempt's Handover is not taken for that of this one.
#[test]
fn a_late_acknowledgement_hands_nothing_over() {
    let mut bench = Bench::new();
    bench.open(1);
    bench.round();
    bench.exports.borrow_mut().hand_over(PARTITION);
    bench.pump(usize::MAX);
    bench.deliver(usize::MAX);
    let late = bench.acks.clone();
    bench.open(1);
    bench.pump(usize::MAX);
    bench.deliver(usize::MAX);
    assert!(!bench.imports.import(PARTITION).unwrap().is_complete());
    bench.exports.borrow_mut().hand_over(PARTITION);
    bench.pump(usize::MAX);
    late.iter().for_each(|ack| bench.exports.borrow_mut().on_ack(ack, START_MS));
    assert!(!bench.exports.borrow().export(PARTITION).unwrap().handed_over());
    let marks = late.back().unwrap();
    assert!(!bench.exports.borrow_mut().on_refused(PARTITION, marks.epoch, marks.sequence));
    bench.deliver(usize::MAX);
    bench.acknowledge(usize::MAX);
    assert!(bench.exports.borrow().export(PARTITION).unwrap().handed_over());
}

#[test]
fn after_the_handover_only_expiry_is_allowed() {
    let mut bench = Bench::new();
    bench.put(0, &name(0, 0), NewValue::Int(0), Deadline::At(START_MS + 1));
    bench.open(1);
    bench.round();
    assert!(!bench.exports.borrow().any_frozen());
    assert!(bench.exports.borrow_mut().hand_over(PARTITION));
    assert!(!bench.exports.borrow_mut().hand_over(PARTITION), "once is enough");
    assert!(bench.exports.borrow().any_frozen());
    bench.source.set_now(START_MS + 2);
    bench.source.expire_due(9);
    bench.round();
    assert!(bench.exports.borrow().export(PARTITION).unwrap().handed_over());
    bench.source.clear(Db::new(0));
    let exports = bench.exports.borrow();
    assert!(exports.export(PARTITION).unwrap().is_void() && !exports.any_frozen());
}

#[test]
fn a_refused_message_ends_the_export() {
    let mut bench = Bench::new();
    bench.begin(1);
    bench.pump(usize::MAX);
    let first = bench.on_way.front().unwrap().sequence;
    assert!(!bench.exports.borrow_mut().on_refused(PARTITION, 2, first));
    assert!(!bench.exports.borrow_mut().on_refused(PARTITION, 1, first + 1_000));
    assert!(bench.exports.borrow_mut().on_refused(PARTITION, 1, first));
    assert!(bench.exports.borrow().is_empty());
}

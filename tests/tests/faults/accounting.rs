//! The accounting comes back to zero when the data and the connections are gone.

use mycorrhizal_tests::clock;
use mycorrhizal_tests::differential::Commands;
use mycorrhizal_tests::server::{Daemon, Server};
use mycorrhizal_tests::wire::{Connection, encode};

use super::{memory_stat, text, wait_until_alone};

/// Asserts that no key's memory is counted any more.
pub(super) fn is_zero(connection: &mut Connection) {
    assert_eq!(memory_stat(connection, "keys.count"), 0);
    assert_eq!(memory_stat(connection, "dataset.bytes"), 0);
}

#[test]
fn random_commands_and_flushall_leave_nothing() {
    let daemon = Daemon::on_cores("0,1");
    let mut witness = daemon.connect();
    let mut workers: Vec<Connection> = (0..8).map(|_| daemon.connect()).collect();
    for (seed, worker) in workers.iter_mut().enumerate() {
        let mut commands = Commands::new(seed as u64);
        for _ in 0..20 {
            let batch: Vec<u8> = (0..100).flat_map(|_| encode(&commands.draw())).collect();
            worker.send(&batch).unwrap();
            (0..100).for_each(|_| drop(worker.read().unwrap()));
        }
    }
    assert!(memory_stat(&mut witness, "dataset.bytes") > 0);
    drop(workers);
    wait_until_alone(&daemon, &mut witness);
    assert_eq!(witness.say("FLUSHALL").as_text(), "OK");
    is_zero(&mut witness);
}

/// Deleted, overwritten and expired keys give back what they took.
#[test]
fn every_way_to_lose_a_key_gives_its_memory_back() {
    let daemon = Daemon::on_cores("0,1");
    let mut connection = daemon.connect();
    for i in 0..3_000 {
        let value = "v".repeat(i % 700);
        let command: &[&str] = match i % 3 {
            0 => &["SET", "", &value, "PX", "1"],
            1 => &["SET", "", &value],
            _ => &["SETNX", "", &value],
        };
        let key = format!("key:{i}");
        let words: Vec<&str> =
            command.iter().map(|word| if word.is_empty() { &key } else { *word }).collect();
        drop(connection.command(&words).unwrap());
    }
    for i in (1..3_000).step_by(3) {
        assert!(!connection.say(&format!("SET key:{i} 1")).is_error());
        assert_eq!(text(&connection.say(&format!("APPEND key:{i} 2345678901234567890"))), ":20");
        assert_eq!(text(&connection.say(&format!("RENAME key:{i} other:{i}"))), "+OK");
        assert_eq!(text(&connection.say(&format!("DEL other:{i}"))), ":1");
    }
    for i in (2..3_000).step_by(3) {
        assert!(!connection.say(&format!("GETDEL key:{i}")).is_null());
    }
    clock::wait_for("the last keys to expire by themselves", || {
        (connection.say("DBSIZE").as_integer() == 0).then_some(())
    });
    is_zero(&mut connection);
}

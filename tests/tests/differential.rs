//! Random string and generic commands, in pipelines of random length, against Redis and the daemon: the same replies,
//! and at the end the same data.

use std::collections::BTreeMap;

use mycorrhizal_tests::differential::{Commands, Words};
use mycorrhizal_tests::server::{Oracle, Server, Subject};
use mycorrhizal_tests::wire::{Connection, Reply, encode, shown};

const COMMANDS: usize = 5_000;
const PIPELINE_MAX: usize = 60;

#[test]
fn agree_on_one_core() {
    (1..=4).for_each(|seed| run(seed, "0"));
}

#[test]
fn agree_on_two_cores() {
    (101..=104).for_each(|seed| run(seed, "0,1"));
}

fn run(seed: u64, cores: &str) {
    let (oracle, subject) = (Oracle::start(), Subject::start(cores));
    let (mut theirs, mut ours) = (oracle.connect(), subject.connect());
    for connection in [&mut theirs, &mut ours] {
        // When a key that nobody asks for goes is not for commands to see.
        assert_eq!(connection.say("DEBUG SET-ACTIVE-EXPIRE 0").as_text(), "OK");
    }
    let mut commands = Commands::new(seed);
    let mut done: Vec<String> = Vec::new();
    while done.len() < COMMANDS {
        let batch: Vec<Words> = (0..=commands.below(PIPELINE_MAX)).map(|_| commands.draw()).collect();
        let bytes: Vec<u8> = batch.iter().flat_map(|words| encode(words)).collect();
        theirs.send(&bytes).expect("redis takes it");
        ours.send(&bytes).expect("the daemon takes it");
        for words in batch {
            done.push(words.iter().map(|word| shown(word)).collect::<Vec<_>>().join(" "));
            let (theirs, ours) =
                (theirs.read().expect("redis answers"), ours.read().expect("the daemon answers"));
            if theirs.bytes != ours.bytes {
                let last = done[done.len().saturating_sub(20)..].join("\n  ");
                let (theirs, ours) = (shown(&theirs.bytes), shown(&ours.bytes));
                let number = done.len();
                panic!(
                    "seed {seed}, command {number}:\n  {last}\nredis: {theirs}\nours:  {ours}\n{}",
                    subject.log()
                );
            }
        }
    }
    for db in 0..2 {
        let (theirs, ours) = (dataset(&mut theirs, db), dataset(&mut ours, db));
        assert!(!theirs.is_empty() || db > 0, "seed {seed} left nothing to compare");
        for (key, about) in &theirs {
            assert_eq!(Some(about), ours.get(key), "seed {seed}, database {db}, {key:?}");
        }
        assert_eq!(theirs.len(), ours.len(), "seed {seed}, database {db}");
    }
}

/// Every key with its value, deadline and encoding.
fn dataset(connection: &mut Connection, db: usize) -> BTreeMap<Reply, Vec<Reply>> {
    connection.say(&format!("SELECT {db}"));
    let keys = connection.say("KEYS *").items;
    let about = |key: &Reply, connection: &mut Connection| {
        let mut ask = |words: &[&[u8]]| connection.command(words).expect("it answers").reply;
        vec![
            ask(&[b"GET", &key.text]),
            ask(&[b"PEXPIRETIME", &key.text]),
            ask(&[b"OBJECT", b"ENCODING", &key.text]),
        ]
    };
    keys.into_iter().map(|key| (key.clone(), about(&key, connection))).collect()
}

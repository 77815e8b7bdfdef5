//! Publish/subscribe over the cores of one daemon.
#![expect(clippy::unwrap_used, reason = "what the tests call is a test too")]

use mycorrhizal_tests::clock;
use mycorrhizal_tests::server::{Daemon, DaemonOptions, Server as _};
use mycorrhizal_tests::wire::Connection;

/// A connection that certainly is one of this core's: by the core's own port.
fn on_core(daemon: &Daemon, core: usize) -> Connection {
    Connection::open(&daemon.core_address(core)).unwrap()
}

fn read(connection: &mut Connection) -> String {
    connection.read().unwrap().reply.to_string()
}

#[test]
fn every_core_reaches_the_subscribers_of_every_other() {
    let daemon = Daemon::on_cores("0,1");
    let mut hearers: Vec<Connection> = [0, 1, 1].map(|core| on_core(&daemon, core)).into();
    let mut speakers: Vec<Connection> = [0, 1, 1].map(|core| on_core(&daemon, core)).into();
    for (core, hearer) in hearers.iter_mut().enumerate() {
        assert_eq!(hearer.say("SUBSCRIBE news").to_string(), "[subscribe, news, 1]");
        assert_eq!(
            hearer.say(&format!("PSUBSCRIBE only:{core}:*")).to_string(),
            format!("[psubscribe, only:{core}:*, 2]")
        );
    }
    for (number, speaker) in speakers.iter_mut().enumerate() {
        assert_eq!(speaker.say(&format!("PUBLISH news {number}")).as_integer(), 3);
        for hearer in &mut hearers {
            assert_eq!(read(hearer), format!("[message, news, {number}]"));
        }
        for (core, hearer) in hearers.iter_mut().enumerate() {
            assert_eq!(speaker.say(&format!("PUBLISH only:{core}:x {number}")).as_integer(), 1);
            assert_eq!(read(hearer), format!("[pmessage, only:{core}:*, only:{core}:x, {number}]"));
        }
        assert_eq!(speaker.say("PUBLISH nobody hears").as_integer(), 0);
    }
    let mut plain = daemon.connect();
    assert_eq!(plain.say("PUBSUB NUMSUB news").to_string(), "[news, 3]");
    assert_eq!(plain.say("PUBSUB CHANNELS").to_string(), "[news]");
    assert_eq!(plain.say("PUBSUB NUMPAT").as_integer(), 3);
    assert_eq!((daemon.info("pubsub_channels"), daemon.info("pubsub_patterns")), (1, 3));
    assert_eq!(hearers[0].say("UNSUBSCRIBE news").to_string(), "[unsubscribe, news, 1]");
    assert_eq!(speakers[2].say("PUBLISH news again").as_integer(), 2);
    drop(hearers);
    let all_gone = || (daemon.info("pubsub_channels") + daemon.info("pubsub_patterns") == 0).then_some(());
    clock::wait_at_most(clock::PATIENCE, all_gone)
        .expect("connections that end take their subscriptions along");
    assert_eq!(speakers[1].say("PUBLISH news x").as_integer(), 0);
}

#[test]
fn what_is_published_after_the_confirmation_is_heard_by_every_core() {
    let daemon = Daemon::on_cores("0,1");
    let (mut hearer, mut speaker) = (on_core(&daemon, 0), on_core(&daemon, 1));
    for number in 0..300 {
        assert_eq!(hearer.say(&format!("SUBSCRIBE c:{number}")).items[2].as_integer(), 1);
        assert_eq!(speaker.say(&format!("PUBLISH c:{number} hello")).as_integer(), 1);
        assert_eq!(read(&mut hearer), format!("[message, c:{number}, hello]"));
        assert_eq!(hearer.say(&format!("UNSUBSCRIBE c:{number}")).items[2].as_integer(), 0);
    }
}

#[test]
fn replies_and_messages_are_not_mixed_up() {
    let daemon = Daemon::on_cores("0,1");
    let (mut both, mut speaker) = (on_core(&daemon, 0), daemon.connect());
    both.say("HELLO 3");
    both.say("SUBSCRIBE c");
    // Replies of commands and messages of another connection and of its own, all at once.
    let mut sent = Vec::new();
    let (mut pings, mut own) = (0, 0);
    for number in 0..500 {
        sent.extend_from_slice(b"PING\r\n");
        sent.extend_from_slice(format!("PUBLISH c own:{number}\r\n").as_bytes());
    }
    both.send(&sent).unwrap();
    let others: String = (0..500).map(|number| format!("PUBLISH c other:{number}\r\n")).collect();
    speaker.send(others.as_bytes()).unwrap();
    let mut heard = [0, 0];
    while pings < 500 || own < 500 || heard != [500, 500] {
        let reply = both.read().unwrap().reply;
        match reply.kind {
            b'+' => pings += 1,
            b':' => own += 1,
            b'>' => {
                let text = reply.items[2].as_text();
                let (who, number) = text.split_once(':').unwrap();
                let who = usize::from(who == "other");
                assert_eq!(
                    number.parse::<i32>().unwrap(),
                    heard[who],
                    "in the order in which they were published"
                );
                heard[who] += 1;
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_subscriber_that_does_not_read_is_closed_at_its_limit_and_others_go_on() {
    let daemon = DaemonOptions::new().with("--cores", "0,1").start();
    let mut control = daemon.connect();
    let words = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0"];
    assert_eq!(control.command(&words).unwrap().reply.as_text(), "OK");
    let (mut slow, mut fast) = (on_core(&daemon, 0), on_core(&daemon, 0));
    slow.say("SUBSCRIBE c");
    fast.say("SUBSCRIBE c");
    let message = "x".repeat(64 * 1024);
    let mut speaker = on_core(&daemon, 1);
    let mut published = 0;
    let closed = clock::wait_at_most(clock::PATIENCE, || {
        let heard = speaker.command(&["PUBLISH", "c", &message]).unwrap().reply.as_integer();
        assert_eq!(fast.read().unwrap().reply.items[2].text.len(), message.len());
        published += 1;
        (heard == 1).then_some(())
    });
    closed.unwrap_or_else(|| panic!("not closed after {published} messages"));
    assert_eq!(daemon.info("client_output_buffer_limit_disconnections"), 1);
    let rest = slow.read_to_end().unwrap().len();
    assert!(rest < published * message.len(), "{rest}");
}

#[test]
fn a_subscriber_is_not_closed_for_being_idle_and_is_listed_as_what_it_is() {
    let daemon = Daemon::on_cores("0");
    let (mut hearer, mut idle, mut control) = (daemon.connect(), daemon.connect(), daemon.connect());
    hearer.say("SUBSCRIBE a b");
    hearer.read().unwrap();
    hearer.say("PSUBSCRIBE p*");
    hearer.say("SSUBSCRIBE s");
    let listed = control.say("CLIENT LIST TYPE pubsub").as_text();
    assert!(listed.contains("flags=P ") && listed.contains(" sub=2 psub=1 ssub=1 "), "{listed}");
    assert_eq!(listed.lines().count(), 1);
    control.say("CONFIG SET timeout 1");
    idle.read().expect_err("an idle connection is closed");
    let mut control = daemon.connect();
    control.say("CONFIG SET timeout 0");
    assert_eq!(control.say("PUBLISH a x").as_integer(), 1);
    assert_eq!(read(&mut hearer), "[message, a, x]");
    assert_eq!(control.say("CLIENT KILL TYPE pubsub").as_integer(), 1);
    hearer.read().expect_err("a subscriber can be killed by its type");
}

#[test]
fn a_core_port_has_the_shard_channels_of_its_slots_and_the_plain_port_all() {
    let daemon = Daemon::on_cores("0,1");
    let (mut own, mut plain) = (on_core(&daemon, 0), daemon.connect());
    let mut counts = [0, 0];
    for number in 0..32 {
        let subscribed = own.say(&format!("SSUBSCRIBE s:{number}"));
        let published = plain.say(&format!("SPUBLISH s:{number} x")).as_integer();
        let elsewhere = subscribed.is_error();
        assert_eq!(published, i64::from(!elsewhere));
        counts[usize::from(elsewhere)] += 1;
        if elsewhere {
            assert!(subscribed.as_text().starts_with("MOVED "), "{subscribed}");
        } else {
            assert_eq!(subscribed.to_string(), format!("[ssubscribe, s:{number}, {}]", counts[0]));
            assert_eq!(read(&mut own), format!("[smessage, s:{number}, x]"));
        }
    }
    assert!(counts.iter().all(|count| *count > 4), "{counts:?}");
    let mut other = on_core(&daemon, 1);
    let refused: Vec<_> = (0..32).map(|number| other.say(&format!("SPUBLISH s:{number} y"))).collect();
    assert_eq!(refused.iter().filter(|reply| reply.as_text().starts_with("MOVED ")).count(), counts[0]);
    assert!(own.say("SSUBSCRIBE s:1 s:2 s:3").as_text().starts_with("CROSSSLOT"));
    assert_eq!(plain.say("SSUBSCRIBE s:1 s:2").to_string(), "[ssubscribe, s:1, 1]");
}

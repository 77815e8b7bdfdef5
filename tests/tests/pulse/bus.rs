//! Messages, by Redis 7.0.

use mycorrhizal_tests::clock;
use mycorrhizal_tests::pulse::{Running, pulse};
use mycorrhizal_tests::server::{Oracle, Server as _};

fn wait_subscribed(server: &Oracle, question: &str, answer: &str) {
    let mut connection = server.connect();
    clock::wait_for("the subscription", || {
        connection.say(question).to_string().contains(answer).then_some(())
    });
}

#[test]
fn what_is_published_is_printed_by_who_subscribed() {
    let (server, port) = Oracle::start_on_tcp();
    for resp2 in [&[][..], &["--resp2"]] {
        let arguments = [&["subscribe", "news", "other", "--count", "2", "--json"], resp2].concat();
        let mut subscriber = Running::start(port, &arguments);
        wait_subscribed(&server, "PUBSUB NUMSUB other", "other, 1");
        assert_eq!(pulse(port, &["publish", "news", "hello, world"]).done(), "1 receiver\n");
        assert_eq!(subscriber.line(), r#"{"channel":"news","message":"hello, world"}"#);
        assert_eq!(pulse(port, &["publish", "none", "x", "--json"]).json()["receivers"], 0);
        assert_eq!(pulse(port, &["publish", "other", "-x"]).done(), "1 receiver\n");
        assert_eq!(subscriber.line(), r#"{"channel":"other","message":"-x"}"#);
        assert_eq!(subscriber.end().code, Some(0));
    }
}

#[test]
fn patterns_and_raw_messages_until_control_c() {
    let (server, port) = Oracle::start_on_tcp();
    let mut raw = Running::start(port, &["subscribe", "news.*", "--pattern", "--raw"]);
    wait_subscribed(&server, "PUBSUB NUMPAT", "1");
    let mut shown = Running::start(port, &["subscribe", "news.*", "--pattern"]);
    wait_subscribed(&server, "PUBSUB NUMPAT", "1");
    clock::wait_for("both", || {
        (pulse(port, &["publish", "news.it", "ciao"]).done() == "2 receivers\n").then_some(())
    });
    assert_eq!(raw.line(), "ciao");
    assert_eq!(shown.line(), "news.it: ciao");
    for running in [raw, shown] {
        running.signal("INT");
        let ran = running.end();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    }
}

#[test]
fn a_server_that_is_none_of_ours_is_told_in_a_sentence() {
    let (_server, port) = Oracle::start_on_tcp();
    for command in
        [&["members"][..], &["partitions"], &["keys", "list"], &["drain", "x"], &["septum", "list"]]
    {
        let ran = pulse(port, command);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
        assert!(ran.stderr.starts_with("pulse: ERR unknown command") && ran.stderr.lines().count() == 1);
    }
    let ran = pulse(1, &["members"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.starts_with("pulse: could not connect"), "{ran:?}");
}

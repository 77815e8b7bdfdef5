//! Keys and passwords are nowhere to be read, however much a daemon is made to say.

use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::random::Random;
use mycorrhizal_tests::server::{Daemon, Server as _};

use crate::stranger::Stranger;

const PASSWORD: &str = "a-password-of-the-tests";
const NEW: &str = "another-secret-that-is-handed-in";

/// Every way in which bytes are usually written.
fn spellings(secret: &[u8]) -> Vec<String> {
    let joined = |spell: &dyn Fn(&u8) -> String, between: &str| {
        secret.iter().map(spell).collect::<Vec<_>>().join(between)
    };
    vec![
        String::from_utf8_lossy(secret).into_owned(),
        joined(&|byte| format!("{byte:02x}"), ""),
        joined(&|byte| format!("{byte:02X}"), ""),
        joined(&|byte| format!("{byte:02x}"), " "),
        joined(&|byte| byte.to_string(), ", "),
        base64(secret),
    ]
}

/// Without what fills up the end: it depends on what follows.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = bytes.chunks_exact(3).flat_map(|three| {
        let number = three.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[number >> shift & 63]))
    });
    digits.collect()
}

/// Everything that a node says of itself.
fn everything(node: &Daemon) -> Vec<(&'static str, String)> {
    let mut connection = node.connect();
    connection.say(&format!("AUTH {PASSWORD}"));
    let commands = [
        "INFO everything",
        "CONFIG GET *",
        "SLOWLOG GET -1",
        "CLIENT LIST",
        "CLIENT INFO",
        "NODOSUM KEYS LIST",
        "NODOSUM MEMBERS",
        "NODOSUM INFO",
        "CLUSTER NODES",
        "LATENCY DOCTOR",
        "MEMORY DOCTOR",
        "COMMAND DOCS nodosum",
        "ACL LIST",
        "ACL LOG",
    ];
    let mut said: Vec<_> =
        commands.into_iter().map(|command| (command, connection.say(command).to_string())).collect();
    said.push(("the log", node.log()));
    said
}

#[test]
fn base64_is_what_others_take_it_for() {
    assert_eq!(base64(b"Many hands make light work."), "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsu");
}

#[test]
fn nothing_secret_is_said_however_much_is() {
    let mut cluster = Cluster::start(1);
    let mut node = cluster.nodes.remove(0);
    node.process().signal("TERM");
    node.process().wait();
    for number in 0..2 {
        let options = cluster.options(number).with("--log-level", "trace").with("--requirepass", PASSWORD);
        cluster.add(number, options);
    }
    let key = std::fs::read(cluster.key_file()).unwrap();
    let mut connection = cluster.nodes[0].connect();
    let mut say = |words: &str| connection.say(words).to_string();
    say("AUTH a-password-that-is-wrong-and-secret-too");
    assert_eq!(say(&format!("AUTH {PASSWORD}")), "OK");
    say("CONFIG SET slowlog-log-slower-than 0");
    say(&format!("AUTH default {PASSWORD}"));
    say(&format!("HELLO 3 AUTH default {PASSWORD}"));
    say(&format!("CONFIG SET requirepass {PASSWORD}"));
    say(&format!("NODOSUM KEYS INSTALL {NEW}"));
    say(&format!("NODOSUM KEYS INSTALL {NEW} {NEW}"));
    say(&format!("NODOSUM KEY INSTALL {NEW}"));
    say(&format!("NODOSUM KEYS USE {NEW}"));
    say(&format!("NODOSUM KEYS REMOVE {NEW}"));
    // Links and datagrams with the key, and without it.
    let insider = Stranger::new(cluster.name(), &key);
    let outsider = Stranger::new(cluster.name(), b"a key that no cluster of the tests has");
    let mut random = Random::new(14);
    for _ in 0..20 {
        let garbage: Vec<u8> = (0..100).map(|_| random.bits().to_le_bytes()[0]).collect();
        insider.throw(&cluster.nodes[0], &garbage);
        let mut bond = insider.link(&cluster.nodes[0], 0).unwrap();
        bond.send_bytes(&garbage);
        assert!(outsider.link(&cluster.nodes[0], 0).is_err());
    }
    let secrets =
        [key.trim_ascii(), PASSWORD.as_bytes(), NEW.as_bytes(), b"a-password-that-is-wrong-and-secret-too"];
    for node in &cluster.nodes {
        for (what, said) in everything(node) {
            for spelling in secrets.iter().flat_map(|secret| spellings(secret)) {
                // As with Redis, whoever may set the password may read it.
                let is_settable = what == "CONFIG GET *" && spelling == PASSWORD;
                assert!(is_settable || !said.contains(&spelling), "{what} says '{spelling}'");
            }
        }
        assert!(node.log().contains("TRACE") || node.log().contains("DEBUG"), "much is said");
    }
}

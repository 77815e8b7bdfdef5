//! Messages to applications.

use mycorrhizal::{CoreSet, Hypha, Raw};
use mycorrhizal_tests::pulse::pulse;

#[test]
fn messages_reach_applications_and_their_answers_are_printed() {
    let hypha = Hypha::builder().cores("0".parse::<CoreSet>().unwrap()).port(0).start().unwrap();
    let port = hypha.addresses().plain[0].port();
    assert_eq!(pulse(port, &["send", "echo", "hello"]).done(), "the application listens nowhere\n");

    let echo = hypha.app::<Raw>("echo").blocking();
    let inbox = echo.listen().unwrap();
    echo.declare(["echo", "repeat"]).unwrap();
    let answer = move || {
        while let Some(incoming) = inbox.wait_next() {
            match incoming.message().clone() {
                refused if refused.0 == b"no" => incoming.refuse("not that"),
                message => incoming.answer(&message).unwrap(),
            }
        }
    };
    let answering = std::thread::Builder::new().name("echo".to_owned()).spawn(answer).unwrap();

    let apps = pulse(port, &["apps"]).done();
    assert!(apps.contains("echo") && apps.contains("echo repeat"), "{apps}");
    assert_eq!(pulse(port, &["apps", "none", "--json"]).json(), serde_json::json!([]));
    let node = hypha.id().to_string();
    assert_eq!(pulse(port, &["send", "echo", "-hello", "--to", &node]).done(), "taken\n");
    assert_eq!(pulse(port, &["send", "echo", "hello", "--to", &node, "--request"]).done(), "hello\n");
    let routed = pulse(port, &["send", "echo", "hello", "--capable", "repeat", "--json"]).json();
    assert_eq!(routed, serde_json::json!({ "answer": "hello" }));
    let sent = pulse(port, &["send", "echo", "hello", "--json"]).json();
    assert_eq!(sent[0]["outcome"], "ok", "{sent}");

    let refused = pulse(port, &["send", "echo", "no", "--to", &node, "--request"]);
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(1), "pulse: FAILED not that\n"));
    let nobody = pulse(port, &["send", "echo", "hello", "--capable", "fly"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("FAILED no node's 'echo' is capable of 'fly'"), "{nobody:?}");
    hypha.wait_shutdown().unwrap();
    answering.join().unwrap();
}

//! Certificates that `pulse` makes are what links take.

use mycorrhizal_tests::clock;
use mycorrhizal_tests::pulse::pulse;
use mycorrhizal_tests::server::{Daemon, DaemonOptions, Launched, Server as _};

#[test]
fn daemons_with_certificates_of_one_authority_are_one_cluster() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let name = path("cluster");
    std::fs::write(path("key"), "a key that only the tests know").unwrap();
    let made = pulse(1, &["certs", "ca", "--out", &path("certs")]).done();
    assert_eq!(made.lines().count(), 2, "{made}");
    let data: Vec<String> = (0..2).map(|number| path(&format!("node-{number}"))).collect();
    let id = |data: &String| pulse(1, &["certs", "id", data, "--cluster", &name]).done().trim().to_owned();
    let ids: Vec<String> = data.iter().map(id).collect();
    assert_eq!(id(&data[0]), ids[0], "it stays");
    let made = pulse(1, &["certs", "node", &ids[0], &ids[1], "--out", &path("certs")]).done();
    assert_eq!(made.lines().count(), 4, "{made}");
    let again = pulse(1, &["certs", "node", &ids[0], "--out", &path("certs")]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("is there already"), "{}", again.stderr);

    let options = |number: usize, certificate: usize| {
        DaemonOptions::new()
            .with("--cluster", &name)
            .with("--cluster-key-file", &path("key"))
            .with("--gossip-port", "0")
            .with("--link-port", "0")
            .with("--dir", &data[number])
            .with("--expect", "2")
            .with("--link-tls-ca", &path("certs/ca.pem"))
            .with("--link-tls-cert", &path(&format!("certs/{}.pem", ids[certificate])))
            .with("--link-tls-key", &path(&format!("certs/{}.key", ids[certificate])))
    };
    // With the certificate of another node it is nobody.
    let (one, impostor) = (options(0, 0).launch(), options(1, 0).launch());
    clock::wait_for("a link that is refused", || {
        (one.log() + &impostor.log()).contains("certificate").then_some(())
    });
    drop((one, impostor));
    let launched: Vec<Launched> = (0..2).map(|number| options(number, number).launch()).collect();
    let nodes: Vec<Daemon> = launched.into_iter().map(|node| node.wait().unwrap()).collect();
    let members = pulse(nodes[0].port(), &["members", "--json"]).json();
    let mut found: Vec<&str> =
        members.as_array().unwrap().iter().map(|member| member["id"].as_str().unwrap()).collect();
    found.sort_unstable();
    let mut expected: Vec<&str> = ids.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(nodes[1].connect().say("SET a 1").as_text(), "OK");
    assert_eq!(nodes[0].connect().say("GET a").as_text(), "1");
}

//! Daemons in a lab: each serves on its own host, is killed and started again, and is reached through faults or not.

use std::time::Duration;

use netlab::{ClusterOptions, Fault, Paths};
use redis::Commands as _;

#[test]
fn they_serve_are_killed_and_come_again() {
    let Some(mut cluster) = ClusterOptions::new(2).apart().start() else { return };
    for node in 0..2 {
        let mut own = cluster.connect(node);
        let () = own.set("where", node).unwrap();
    }
    let mut across = cluster.connect_from(0, 1).unwrap();
    assert_eq!(across.get::<_, usize>("where").unwrap(), 1);

    cluster.lab_mut().apply(&Paths::between([0], [1]), Fault::Cut).unwrap();
    across.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(across.get::<_, usize>("where").is_err());
    assert_eq!(cluster.connect(1).get::<_, usize>("where").unwrap(), 1, "its own host reaches it");
    cluster.lab_mut().heal().unwrap();

    let first = cluster.ready(1).expect("it was ready");
    cluster.kill(1);
    assert!(cluster.try_connect(1).is_err());
    let second = cluster.restart(1);
    assert_ne!(first["pid"], second["pid"]);
    assert!(cluster.connect_from(0, 1).unwrap().ping::<String>().is_ok());
    assert!(cluster.terminate(0).success());
    cluster.start_all();
    assert!(cluster.connect(0).ping::<String>().is_ok());
}

//! A full disk: what is agreed on cannot be changed there, and data goes on; when there is room again, so does the rest.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use mycorrhizal_tests::clock;
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::Server as _;
use mycorrhizal_tests::wire::Reply;

/// A file system in memory of so many bytes. Unmounted when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; `None`, with a sentence, where that cannot be.
    fn mount(at: &Path, megabytes: usize) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        let refused = match mounted {
            Ok(output) if output.status.success() => return Some(Self(at.to_owned())),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        eprintln!("A full disk cannot be tried: {refused}; run as root, a container needs CAP_SYS_ADMIN.");
        None
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.0.join("filler")).unwrap();
        for bytes in [64 << 10, 4096, 512, 1] {
            while file.write_all(&vec![7; bytes]).is_ok() {}
        }
    }

    /// Makes room again.
    fn clear(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

/// Changes what is agreed on until that is refused, and says how.
fn until_refused(cluster: &Cluster, node: usize, disk: &SmallDisk) -> String {
    let mut number = 0;
    clock::wait_for("a change that is refused", || {
        // A file that shrinks leaves room for a while.
        disk.fill();
        number += 1;
        let answer = cluster.nodes[node].connect().say(&format!("SEPTUM CREATE s{number}"));
        let dropped = cluster.nodes[node].connect().say(&format!("SEPTUM DROP s{number}"));
        [answer, dropped].into_iter().find(Reply::is_error).map(|answer| answer.as_text())
    })
}

#[test]
fn a_node_that_is_alone_refuses_changes_and_goes_on_when_there_is_room() {
    let mut cluster = Cluster::start(1);
    let mut node = cluster.nodes.remove(0);
    node.process().signal("TERM");
    node.process().wait();
    let Some(disk) = SmallDisk::mount(&cluster.data_directory(7), 8) else { return };
    cluster.add(0, cluster.options(7).with("--cluster", "small").with("--expect", "1"));
    let mut connection = cluster.nodes[0].connect();
    assert_eq!(connection.say("SEPTUM CREATE before").as_text(), "OK");
    assert_eq!(connection.say("SET kept 1").as_text(), "OK");
    let refused = until_refused(&cluster, 0, &disk);
    assert!(["CLUSTERDOWN", "UNKNOWN"].iter().any(|code| refused.starts_with(code)), "{refused}");
    assert_eq!(cluster.nodes[0].connect().say("PING").as_text(), "PONG");
    disk.clear();
    cluster.wait("room", |cluster| {
        cluster.nodes[0].connect().say("SEPTUM CREATE after").as_text().contains("exists")
    });
    assert_eq!(cluster.nodes[0].connect().say("SEPTUM USE before").as_text(), "OK");
    assert_eq!(cluster.nodes[0].connect().say("GET kept").as_text(), "1", "what is in memory stays");
    assert_eq!(cluster.nodes[0].info("incarnation"), 1);
    drop(cluster);
}

#[test]
fn one_of_three_with_a_full_disk_serves_its_data() {
    let mut cluster = Cluster::start(2);
    let Some(disk) = SmallDisk::mount(&cluster.data_directory(2), 8) else { return };
    cluster.add(2, cluster.options(2));
    cluster.wait_balanced();
    let mut connection = cluster.nodes[2].connect();
    for number in 0..300 {
        assert_eq!(connection.say(&format!("SET key:{number} {number}")).as_text(), "OK");
    }
    disk.fill();
    // The others go on agreeing, and the full one hears of it or not: it is theirs to decide.
    for number in 0..40 {
        disk.fill();
        let answer = cluster.nodes[0].connect().say(&format!("SEPTUM CREATE s{number}"));
        assert!(!answer.is_error() || number == 0, "{number}: {answer}");
        cluster.nodes[0].connect().say(&format!("SEPTUM DROP s{number}"));
    }
    let mut connection = cluster.nodes[2].connect();
    for number in 0..300 {
        assert_eq!(connection.say(&format!("GET key:{number}")).as_text(), number.to_string());
        assert_eq!(connection.say(&format!("SET key:{number} again")).as_text(), "OK");
    }
    disk.clear();
    assert_eq!(cluster.nodes[0].connect().say("SEPTUM CREATE last").as_text(), "OK");
    cluster.wait("what was agreed meanwhile", |cluster| {
        cluster.nodes[2].connect().say("SEPTUM USE last").as_text() == "OK"
    });
    assert_eq!(cluster.nodes[0].info("partitions_lost"), 0);
    drop(cluster);
}

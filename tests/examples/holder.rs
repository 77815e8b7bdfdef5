//! A client in a process of its own, to be paused: it leads, and answers every line with whether it still does.
#![expect(clippy::unwrap_used, reason = "what a test runs is a test too")]

use std::io::{BufRead as _, Write as _};

use mycorrhizal::BlockingClient;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let client = BlockingClient::connect(&arguments[1..]).unwrap();
    let leadership = client.election(&arguments[0]).campaign().unwrap();
    let mut output = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        assert_eq!(line.unwrap(), "?");
        writeln!(output, "{}", if leadership.is_held() { "held" } else { "lost" }).unwrap();
    }
}

//! `netlab`: says what the network lab can do on this machine, keeps one open, and removes what killed runs have left.

use std::io;

use clap::{Parser, Subcommand};

/// The network lab.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Say what the lab can do here, one sentence each.
    Probe,
    /// Remove the namespaces of processes that are gone.
    Clean,
    /// Keep a lab until the standard input ends, for `ip netns exec NAME …` beside it.
    Up {
        /// How many hosts.
        hosts: usize,
    },
}

fn main() {
    match Arguments::parse().task {
        Task::Up { hosts } => up(hosts),
        Task::Probe => print!("{}", netlab::Lab::probe()),
        Task::Clean => println!("Removed {} namespace(s).", netlab::Lab::remove_stale()),
    }
}

fn up(hosts: usize) {
    let Some(lab) = netlab::Lab::where_possible(hosts) else { return };
    lab.namespaces().for_each(|name| println!("{name}"));
    println!("Up.");
    if let Err(error) = io::copy(&mut io::stdin(), &mut io::sink()) {
        eprintln!("netlab: the standard input: {error}");
    }
}

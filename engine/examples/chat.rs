//! A chat over topics: whoever is subscribed to a room hears what is said in it, on whichever node.
//!
//! On a terminal it starts one node, which finds others of the same chat on the LAN, and says what is typed: start it twice
//! or more. Without one, two nodes in one process say a few lines to each other.
//!
//! ```sh
//! cargo run -p mycorrhizal --example chat -- alice
//! ```

use std::error::Error;
use std::io::{self, IsTerminal as _};

use mycorrhizal::{CoreSet, Hypha, Messages, Topic};
use serde::{Deserialize, Serialize};

/// What somebody says.
#[derive(Serialize, Deserialize)]
struct Line {
    from: String,
    text: String,
}

fn start(chat: &str, name: &str, expect: usize) -> Result<Hypha, Box<dyn Error>> {
    let hypha = Hypha::builder()
        .cluster(chat)
        .secret("what all who chat share")
        .expect(expect)
        .node_name(name)
        .cores("0".parse::<CoreSet>()?)
        .gossip_port(0)
        .link_port(0)
        .start()?;
    Ok(hypha)
}

fn say(room: &Topic<Line>, from: &str, text: &str) -> Result<u64, Box<dyn Error>> {
    Ok(room.blocking().publish(&Line { from: from.to_owned(), text: text.to_owned() })?)
}

/// Prints what is said in the room.
fn hear(lines: &mut Messages<Line>, count: usize) -> Result<(), Box<dyn Error>> {
    for _ in 0..count {
        let Some(line) = lines.wait_next() else { return Ok(()) };
        let Line { from, text } = line?.message;
        println!("{from}: {text}");
    }
    Ok(())
}

/// One person at a terminal; the first of the chat founds its cluster.
fn chat(name: &str) -> Result<(), Box<dyn Error>> {
    let hypha = start("chat-example", name, 1)?;
    hypha.wait_ready()?;
    let room: Topic<Line> = hypha.topic("room");
    let mut lines = room.blocking().subscribe()?;
    let listener = std::thread::Builder::new().name("listener".to_owned()).spawn(move || {
        if let Err(error) = hear(&mut lines, usize::MAX) {
            eprintln!("{error}");
        }
    })?;
    println!("Say something, {name}; an empty line ends it.");
    for text in io::stdin().lines() {
        let text = text?;
        if text.is_empty() {
            break;
        }
        say(&room, name, &text)?;
    }
    hypha.wait_shutdown()?;
    listener.join().map_err(|_| "the listener ended badly")?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    if io::stdin().is_terminal() {
        return chat(&std::env::args().nth(1).unwrap_or_else(|| "somebody".to_owned()));
    }
    let name = format!("chat-example-{}", std::process::id());
    let (alice, bob) = (start(&name, "alice", 2)?, start(&name, "bob", 2)?);
    alice.wait_ready()?;
    bob.wait_ready()?;
    let rooms: [Topic<Line>; 2] = [alice.topic("room"), bob.topic("room")];
    let mut heard = rooms[1].blocking().subscribe()?;
    println!("{} hears it", say(&rooms[0], "alice", "is anybody there?")?);
    say(&rooms[1], "bob", "only me, on another node")?;
    hear(&mut heard, 2)?;
    drop(heard);
    alice.wait_shutdown()?;
    bob.wait_shutdown()?;
    Ok(())
}

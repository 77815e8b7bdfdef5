//! A session cache with a job that only one node does.
//!
//! Two nodes of one application, here in one process for the sake of the example: what one stores the other finds, and of
//! both only the elected one counts the sessions; when it resigns, the other goes on. On a terminal it ends with Enter,
//! else by itself.
//!
//! ```sh
//! cargo run -p mycorrhizal --example session_cache
//! ```

use std::error::Error;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use mycorrhizal::{CoreSet, Hypha, SeptumPolicy};
use serde::{Deserialize, Serialize};

/// What is known of somebody who is signed in.
#[derive(Serialize, Deserialize, Debug)]
struct Session {
    user: String,
    roles: Vec<String>,
}

fn start(name: &str) -> Result<Hypha, Box<dyn Error>> {
    let hypha = Hypha::builder()
        .cluster(format!("session-cache-{}", std::process::id()))
        .secret("what all nodes of the application share")
        .expect(2)
        .node_name(name)
        .cores("0".parse::<CoreSet>()?) // both on one processor; a node of its own takes as many as it should have
        .gossip_port(0) // any free ports, found by multicast
        .link_port(0)
        .start()?;
    Ok(hypha)
}

/// Sits on every node, and works on the one that leads.
async fn count_sessions(hypha: &Hypha, name: &str, rounds: usize) -> Result<(), Box<dyn Error>> {
    let leadership = hypha.election("session-count").campaign().await?;
    println!("{name} leads, with token {}", leadership.token());
    for _ in 0..rounds {
        if !leadership.is_held() {
            println!("{name} leads no more");
            return Ok(());
        }
        println!("{name} counts {} sessions", hypha.septum::<Session>("sessions").len().await?);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    leadership.resign().await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (one, other) = (start("one")?, start("other")?);
    tokio::try_join!(one.ready(), other.ready())?;

    let policy = SeptumPolicy { default_ttl: Some(Duration::from_secs(30 * 60)), ..SeptumPolicy::default() };
    one.septa().create("sessions", policy).await?;
    let sessions = one.septum::<Session>("sessions");
    let alice = Session { user: "alice".to_owned(), roles: vec!["admin".to_owned()] };
    sessions.set("4711", &alice).await?;

    if let Some(session) = other.septum::<Session>("sessions").get("4711").await? {
        println!("{} is signed in, says the other node: {:?}", session.user, session.roles);
    }

    count_sessions(&one, "one", 3).await?;
    count_sessions(&other, "other", 3).await?;
    println!("another leads now than at first");

    if io::stdin().is_terminal() {
        println!("Enter ends it.");
        io::stdin().read_line(&mut String::new())?;
    }
    one.shutdown().await?;
    other.shutdown().await?;
    Ok(())
}

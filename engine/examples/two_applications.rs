//! Two applications, each on a node of its own: orders asks billing to charge, and acts on the answer.
//!
//! A request has three outcomes. Paid and refused are answers of the other application. `Failed` has had no effect, so it
//! may be tried again; after `Unknown` the money may have moved, and only a look at the books can tell.
//!
//! ```sh
//! cargo run -p mycorrhizal --example two_applications
//! ```

use std::error::Error;
use std::time::Duration;

use mycorrhizal::{App, CoreSet, Hypha, Inbox, MessageError};
use serde::{Deserialize, Serialize};

/// What orders asks.
#[derive(Serialize, Deserialize)]
struct Charge {
    order: u32,
    cents: u64,
}

/// What billing answers.
#[derive(Serialize, Deserialize)]
enum Charged {
    Paid { receipt: String },
    Refused { reason: String },
}

fn start(name: &str) -> Result<Hypha, Box<dyn Error>> {
    let hypha = Hypha::builder()
        .cluster(format!("two-applications-{}", std::process::id()))
        .secret("what all nodes of the cluster share")
        .expect(2)
        .node_name(name)
        .cores("0".parse::<CoreSet>()?)
        .gossip_port(0)
        .link_port(0)
        .start()?;
    Ok(hypha)
}

/// Billing: answers until the node stops.
fn charge(inbox: &Inbox<Charge>) {
    while let Some(incoming) = inbox.wait_next() {
        let charge = incoming.message();
        let answer = match charge.cents {
            0..=10_000 => Charged::Paid { receipt: format!("R-{}", charge.order) },
            _ => Charged::Refused { reason: "more than the customer has".to_owned() },
        };
        if let Err(error) = incoming.answer(&answer) {
            eprintln!("an answer was not written: {error}");
        }
    }
}

/// Orders: has an order charged by any node whose billing can.
async fn order(billing: &App<Charge>, charge: &Charge) {
    match billing.route("charge", charge, Duration::from_secs(5)).await {
        Ok(Charged::Paid { receipt }) => println!("order {} is paid: {receipt}", charge.order),
        Ok(Charged::Refused { reason }) => println!("order {} was refused: {reason}", charge.order),
        Err(MessageError::Failed(reason)) => println!("order {} may be tried again: {reason}", charge.order),
        Err(error) => println!("order {}: look at the books: {error}", charge.order),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (shop, bank) = (start("shop")?, start("bank")?);
    tokio::try_join!(shop.ready(), bank.ready())?;

    let billing = bank.app::<Charge>("billing");
    let inbox = billing.listen().await?;
    billing.declare(["charge"]).await?;
    let clerk = std::thread::Builder::new().name("clerk".to_owned()).spawn(move || charge(&inbox))?;

    let billing = shop.app::<Charge>("billing");
    // The shop learns of the bank within moments.
    while billing.capable_of("charge").is_empty() {
        tokio::task::yield_now().await;
    }
    order(&billing, &Charge { order: 1, cents: 995 }).await;
    order(&billing, &Charge { order: 2, cents: 2_000_000 }).await;

    shop.shutdown().await?;
    bank.shutdown().await?;
    clerk.join().expect("the clerk ends with the node");
    Ok(())
}

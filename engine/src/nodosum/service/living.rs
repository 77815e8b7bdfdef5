//! The node's session: it gives signs of life to the leader, and knows by its own clock how long it may act.

use std::rc::Rc;
use std::time::Duration;

use super::host::Host;
use crate::clock;
use crate::nodosum::rpc::{Heard, Rpc};

/// How often a node gives a sign of life, whether the one before has been answered yet or not.
const ALIVE_EVERY: Duration = Duration::from_millis(250);

/// How soon it does again when the last was not taken note of.
const ALIVE_AGAIN: Duration = Duration::from_millis(50);

/// How long it waits for an answer.
const ALIVE_ANSWER: Duration = Duration::from_millis(800);

impl Host {
    /// Standing task: a sign of life every so often.
    pub(super) async fn stay_alive(self: Rc<Self>) {
        loop {
            let host = Rc::clone(&self);
            let sign = tokio::task::spawn_local(async move { host.give_sign_of_life().await });
            let next = tokio::time::Instant::now() + ALIVE_EVERY;
            match tokio::time::timeout_at(next, sign).await {
                Ok(Ok(false)) => tokio::time::sleep(ALIVE_AGAIN).await,
                Ok(_) => tokio::time::sleep_until(next).await,
                // The answer is on its way, and counts when it comes.
                Err(_) => {}
            }
        }
    }

    /// Gives a sign of life; returns whether the leader took note of it.
    async fn give_sign_of_life(&self) -> bool {
        let Some(leader) = self.leader() else { return false };
        let sent = clock::since_boot();
        let heard = if leader == self.me() {
            tokio::time::timeout(ALIVE_ANSWER, self.on_alive(self.session())).await.ok()
        } else {
            self.caller().ask(leader, Rpc::Alive(self.session()), ALIVE_ANSWER).await.ok()
        };
        match heard {
            Some(Heard::Yes(version)) => {
                self.tenure.extend(sent, clock::since_boot(), version);
                self.on_version(version);
                self.report.send_if_modified(|status| !std::mem::replace(&mut status.acts, true));
                return true;
            }
            Some(Heard::NotLeader(hint)) => self.leader_hint.set(hint),
            Some(Heard::Absent | Heard::SessionOver) => {}
            None => self.leader_hint.set(None),
        }
        false
    }
}

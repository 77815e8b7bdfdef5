//! Seeds: where a node looks for others. Names are resolved again and again, for what is behind them may change.
//!
//! ```text
//!   first core: keep_seeds ──names──▶ thread "seeds" (it may block) ──addresses──▶ first core: gossip meets them
//! ```
//!
//! A name that has no address is told once, and tried again: soon while the node is alone, later on every now and then.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use super::call::Answerer;
use super::core::Core;
use super::directory::CoreId;
use super::mesh::Reach;

/// The first pause before names that had no address are resolved again; it doubles up to [`LONELY`].
const SOON: Duration = Duration::from_secs(2);
/// The pause while fewer members are seen than are expected.
const LONELY: Duration = Duration::from_secs(30);
/// The pause otherwise.
const STEADY: Duration = Duration::from_secs(180);

/// What became of names: the addresses, and what has none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    addresses: Vec<SocketAddr>,
    /// Names without an address, each with what the system said.
    pub(crate) failures: Vec<(String, String)>,
}

/// Told what became of names, on the first core.
type Then = Box<dyn FnOnce(&Rc<Core>, Resolved) + Send>;

/// Names to be resolved, and who is told.
type Task = (Vec<String>, Then);

/// The way to the thread that resolves names. Belongs to the first core; the thread ends with it.
pub(crate) struct Resolver {
    tasks: mpsc::Sender<Task>,
}

impl Resolver {
    /// Starts the thread; `reach` is the way back to the first core.
    pub(crate) fn start(reach: Reach) -> std::io::Result<Self> {
        let (tasks, queue) = mpsc::channel::<Task>();
        // It is not waited for when the node ends: the system may take long over a name.
        std::thread::Builder::new().name("seeds".to_owned()).spawn(move || {
            for (names, then) in queue {
                let resolved = resolve(&names, system);
                if !reach.call(Box::new(move |core: &Rc<Core>| then(core, resolved))) {
                    tracing::warn!("the first core is too busy to hear of addresses");
                }
            }
        })?;
        Ok(Self { tasks })
    }

    fn resolve(&self, names: Vec<String>, then: impl FnOnce(&Rc<Core>, Resolved) + Send + 'static) {
        // A thread that has ended resolves nothing: nobody is told.
        drop(self.tasks.send((names, Box::new(then))));
    }
}

fn system(name: &str) -> std::io::Result<Vec<SocketAddr>> {
    name.to_socket_addrs().map(Iterator::collect)
}

fn resolve(names: &[String], lookup: impl Fn(&str) -> std::io::Result<Vec<SocketAddr>>) -> Resolved {
    let mut resolved = Resolved::default();
    for name in names {
        match lookup(name) {
            Ok(addresses) if addresses.is_empty() => {
                resolved.failures.push((name.clone(), "there is none".to_owned()));
            }
            Ok(addresses) => resolved.addresses.extend(addresses),
            Err(error) => resolved.failures.push((name.clone(), error.to_string())),
        }
    }
    resolved
}

/// When to resolve names again, after `failed` rounds in a row in which some had no address.
fn pause(failed: u32, is_lonely: bool) -> Duration {
    let most = if is_lonely { LONELY } else { STEADY };
    match failed {
        0 => most,
        failed => (SOON * 2_u32.saturating_pow(failed - 1).min(64)).min(LONELY),
    }
}

impl Core {
    /// Makes contact with the nodes behind these names, now and whenever what is behind them changes.
    pub(super) fn start_seeds(self: &Rc<Self>, names: Vec<String>) {
        let resolver = match Resolver::start(self.node.reach(self.id)) {
            Ok(resolver) => resolver,
            Err(error) => return tracing::error!(%error, "seeds cannot be resolved"),
        };
        *self.resolver.borrow_mut() = Some(resolver);
        if !names.is_empty() {
            glommio::spawn_local(keep_seeds(Rc::clone(self), names)).detach();
        }
    }

    /// Resolves names off the core, and makes contact with what is behind them.
    pub(crate) async fn meet_names(self: &Rc<Self>, names: Vec<String>) -> Resolved {
        self.call_later(CoreId(0), move |first: &Rc<Self>, answerer: Answerer<Resolved>| {
            match &*first.resolver.borrow() {
                Some(resolver) => resolver.resolve(names, move |first, resolved| {
                    first.meet(&resolved.addresses);
                    answerer.answer(first, resolved);
                }),
                None => answerer.answer(first, Resolved::default()),
            }
        })
        .await
    }

    /// Whether fewer members are seen than there should be.
    fn is_lonely(&self) -> bool {
        let Some(cluster) = &self.node.cluster else { return false };
        let state = self.directory.state();
        self.alive_by_gossip() < state.members().count().max(cluster.options.expect)
    }
}

/// Standing task: meets the nodes behind the seeds, and looks again for what is behind their names.
async fn keep_seeds(core: Rc<Core>, names: Vec<String>) {
    let fixed = names.iter().all(|name| name.parse::<SocketAddr>().is_ok());
    let mut failures = Vec::new();
    let mut failed = 0_u32;
    while !core.node.is_stopping() {
        let resolved = core.meet_names(names.clone()).await;
        if resolved.failures != failures {
            for (seed, error) in &resolved.failures {
                tracing::warn!(seed, error, "a seed has no address; it is tried again");
            }
        }
        failed = if resolved.failures.is_empty() { 0 } else { failed.saturating_add(1) };
        failures = resolved.failures;
        if fixed {
            // Gossip calls them for ever.
            return;
        }
        core.ring.sleep_until(core.ring.now() + pause(failed, core.is_lonely())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_by_whether_they_have_an_address() {
        let address = SocketAddr::from(([10, 0, 0, 1], 7946));
        let lookup = |name: &str| match name {
            "here:7946" => Ok(vec![address]),
            "empty:7946" => Ok(Vec::new()),
            _ => Err(std::io::Error::other("no such host")),
        };
        let names = ["gone:7946", "here:7946", "empty:7946"].map(str::to_owned);
        let failure = |name: &str, error: &str| (name.to_owned(), error.to_owned());
        let expected = Resolved {
            addresses: vec![address],
            failures: vec![failure("gone:7946", "no such host"), failure("empty:7946", "there is none")],
        };
        assert_eq!(resolve(&names, lookup), expected);
    }

    #[test]
    fn who_is_alone_looks_more_often() {
        assert_eq!(pause(0, true), LONELY);
        assert_eq!(pause(0, false), STEADY);
        let pauses: Vec<u64> = (1..7).map(|failed| pause(failed, true).as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(u32::MAX, false), LONELY);
    }
}

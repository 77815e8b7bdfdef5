//! Changes of the coordinated state, asked for on a core: by consensus in a cluster, and by the first core of a node that
//! belongs to none.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::directory::CoreId;
use crate::nodosum::service::ProposeError;
use crate::nodosum::state::{Command, Request, RequestId, Session};

/// How often a core looks whether it has been told of a change that was decided.
const LOOK: Duration = Duration::from_millis(1);

impl Core {
    /// Has a change decided, and returns when this core knows of it.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub(crate) async fn change(self: &Rc<Self>, command: Command) -> Result<(), ProposeError> {
        let version = match &self.node.cluster {
            Some(cluster) => {
                let service = cluster.service.clone();
                let proposal = async move {
                    service.propose(command).await?;
                    Ok::<_, ProposeError>(service.applied().borrow().state.version())
                };
                self.on_service(&cluster.service, proposal).await?
            }
            None => {
                if matches!(command, Command::Ask { .. }) {
                    self.wait_for_earlier_promises().await;
                }
                self.call(CoreId(0), move |core| core.change_alone(command)).await?
            }
        };
        self.know(version).await;
        Ok(())
    }

    /// Waits until this core knows of a version of the state that this node has.
    pub(crate) async fn know(&self, version: u64) {
        while self.directory.version() < version {
            self.ring.sleep_until(self.ring.now() + LOOK).await;
        }
    }

    /// Has a change decided, and returns when all cores of this node know of it.
    ///
    /// # Errors
    /// See [`ProposeError`].
    pub(crate) async fn change_for_all(self: &Rc<Self>, command: Command) -> Result<(), ProposeError> {
        self.change(command).await?;
        let version = self.directory.version();
        let cores: Vec<CoreId> = self.node.cores().collect();
        loop {
            let versions = self.call_all(&cores, |core| core.directory.version()).await;
            if versions.into_iter().all(|known| known >= version) {
                return Ok(());
            }
            self.ring.sleep_until(self.ring.now() + LOOK).await;
        }
    }

    /// Decides a change on the first core of a node that belongs to no cluster.
    fn change_alone(self: &Rc<Self>, command: Command) -> Result<u64, ProposeError> {
        let mut state = (*self.directory.state()).clone();
        let id = RequestId { session: self.session(), number: self.next_holder() };
        state.apply(&Request { id, command })?;
        let (state, version) = (Arc::new(state.clone()), state.version());
        for core in self.node.cores().filter(|core| *core != self.id) {
            let state = Arc::clone(&state);
            let tell = Box::new(move |core: &Rc<Self>| core.on_state(&state));
            self.outboxes.borrow_mut().mail(core).calls.push(tell);
        }
        self.on_state(&state);
        Ok(version)
    }

    /// This life of the node.
    pub(crate) fn session(&self) -> Session {
        self.node.session()
    }
}

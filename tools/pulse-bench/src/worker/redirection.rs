//! Follows `MOVED` and `ASK`, and keeps the map of the cluster fresh.

use crate::clock::SECOND_NS;
use crate::cluster::{Redirect, SlotMap};
use crate::error::BenchError;
use crate::generator::{Lead, Operation};
use crate::link::Link;

use super::Worker;

/// The map is asked for again at most this often, in nanoseconds.
const REFRESH_NS: u64 = SECOND_NS / 10;

impl Worker {
    /// Sends redirected operations where they belong. An endpoint seen for the first time is connected to,
    /// and the whole map is asked for again when a slot has moved.
    #[cold]
    pub(super) fn follow_redirections(&mut self, now_ns: u64) -> Result<(), BenchError> {
        let mut has_moved = false;
        for (operation, redirect) in std::mem::take(&mut self.replies.redirected) {
            has_moved |= matches!(redirect, Redirect::Moved { .. });
            self.redirect(operation, redirect);
        }
        if has_moved && now_ns >= self.refresh_due_ns {
            self.refresh_due_ns = now_ns + REFRESH_NS;
            self.refresh_map();
        }
        self.connect_new_endpoints()
    }

    fn redirect(&mut self, mut operation: Operation, redirect: Redirect) {
        let route = self.feed.as_mut().and_then(|feed| feed.route.as_mut());
        let route = route.expect("redirections are followed in cluster mode only");
        let owner = match redirect {
            Redirect::Moved { slot, endpoint } => {
                let owner = route.map.index_of(&endpoint);
                route.map.owners[usize::from(slot)] = owner;
                owner
            }
            Redirect::Ask { endpoint } => {
                operation.lead = Lead::Asking;
                route.map.index_of(&endpoint)
            }
        };
        route.push_first(owner, operation);
    }

    /// Asks any endpoint for the map. Without an answer the known one stays, corrected by each `MOVED`.
    fn refresh_map(&mut self) {
        let route = self.feed.as_mut().and_then(|feed| feed.route.as_mut());
        let Some(route) = route else { return };
        let login = &self.setting.login;
        let fetch =
            |endpoint| Link::open(endpoint, login).and_then(|mut link| SlotMap::fetch(&mut link)).ok();
        if let Some(newer) = route.map.endpoints.iter().find_map(fetch) {
            route.map.refresh(&newer);
            route.extend();
        }
    }

    fn connect_new_endpoints(&mut self) -> Result<(), BenchError> {
        let known = self.waiting.len();
        let endpoints = match self.feed.as_ref().and_then(|feed| feed.route.as_ref()) {
            Some(route) if route.map.endpoints.len() > known => route.map.endpoints[known..].to_vec(),
            _ => return Ok(()),
        };
        let share = (self.connections.len() / known.max(1)).max(1);
        for endpoint in endpoints {
            for _ in 0..share {
                let stream = Link::open(&endpoint, &self.setting.login)?.into_stream()?;
                self.add_connection(stream, self.waiting.len())?;
            }
            self.waiting.push((self.connections.len() - share..self.connections.len()).collect());
        }
        Ok(())
    }
}

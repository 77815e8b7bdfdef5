//! Two moments of a node, and what happened between them.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::pulse::amount::float;

use super::{Figures, Load};

/// A node as it is, with the rates since it was last looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Look {
    /// As it is.
    pub(crate) figures: Figures,
    /// The node's rates.
    pub(crate) total: Rates,
    /// Each core's rates.
    pub(crate) cores: Vec<Rates>,
}

/// What a core, or the node, did between two looks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rates {
    /// Share of look-ups that found their key; `None` if there were none.
    pub(crate) hit_rate: Option<f64>,
    /// Share of one processor; `None` at the first look, or if the server does not tell.
    pub(crate) cpu: Option<f64>,
}

impl Figures {
    /// These figures beside earlier ones. Without any, rates are those since the server's start.
    pub(crate) fn since(self, earlier: Option<(&Self, Duration)>) -> Look {
        let total = rates(&self.total, earlier.map(|(figures, between)| (&figures.total, between)));
        let core = |(number, load)| {
            rates(load, earlier.and_then(|(figures, between)| Some((figures.cores.get(number)?, between))))
        };
        let cores = self.cores.iter().enumerate().map(core).collect();
        Look { figures: self, total, cores }
    }
}

/// A counter that ran backwards belongs to a server that was started anew, or reset.
fn rates(now: &Load, earlier: Option<(&Load, Duration)>) -> Rates {
    let since = |now: u64, then: Option<u64>| now.checked_sub(then.unwrap_or(0)).unwrap_or(now);
    let hits = since(now.hits, earlier.map(|(then, _)| then.hits));
    let misses = since(now.misses, earlier.map(|(then, _)| then.misses));
    let cpu = earlier.and_then(|(then, between)| {
        let spent_us = now.cpu_us?.checked_sub(then.cpu_us?)?;
        Some(float(spent_us) / 1e6 / between.as_secs_f64()).filter(|share| share.is_finite())
    });
    let lookups = hits.saturating_add(misses);
    Rates { hit_rate: (lookups > 0).then(|| float(hits) / float(lookups)), cpu }
}

impl Look {
    /// As one JSON object.
    pub(crate) fn json(&self) -> Json {
        let cores = self.figures.cores.iter().zip(&self.cores).enumerate();
        let cores: Vec<Json> = cores
            .map(|(number, (load, rates))| {
                let mut core = json!({ "core": number });
                if let (Some(core), Json::Object(figures)) = (core.as_object_mut(), load_json(load, rates)) {
                    core.extend(figures);
                }
                core
            })
            .collect();
        json!({
            "server": self.figures.server,
            "pid": self.figures.pid,
            "uptime_s": self.figures.uptime_s,
            "keys": self.figures.keys,
            "commands": self.figures.commands,
            "maxmemory": self.figures.maxmemory,
            "resident_memory": self.figures.resident_memory,
            "total": load_json(&self.figures.total, &self.total),
            "cores": cores,
        })
    }
}

fn load_json(load: &Load, rates: &Rates) -> Json {
    json!({
        "ops_per_sec": load.ops_per_sec,
        "hit_rate": rates.hit_rate,
        "hits": load.hits,
        "misses": load.misses,
        "connections": load.connections,
        "used_memory": load.used_memory,
        "p99_us": load.p99_us,
        "cpu": rates.cpu,
    })
}

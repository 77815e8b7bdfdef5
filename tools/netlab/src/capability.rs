//! What this machine can do for the lab, tried out rather than guessed, and said in one sentence each.

use std::fmt;
use std::sync::OnceLock;

use crate::error::LabError;
use crate::host::{self, Host};
use crate::namespace::{self, Namespace};
use crate::stage::{Stage, StageKind};
use crate::{fault::Impairment, relay::Relay, ruleset};

/// Something that the lab is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The right to change the network.
    Root,
    /// Namespaces, cables and a bridge between them.
    Namespaces,
    /// Loss and cuts.
    Drop,
    /// Resets.
    Reset,
    /// Links that go down.
    LinkDown,
    /// Rates.
    Rate,
    /// Delay, jitter, reordering and duplication by the lab's own relay.
    Relay,
    /// The same by the kernel.
    Netem,
}

/// What is tried, in this order.
const KINDS: [Kind; 8] = [
    Kind::Root,
    Kind::Namespaces,
    Kind::Drop,
    Kind::Reset,
    Kind::LinkDown,
    Kind::Rate,
    Kind::Relay,
    Kind::Netem,
];

impl Kind {
    fn what(self) -> &'static str {
        match self {
            Kind::Root => "the right to change the network (root)",
            Kind::Namespaces => "hosts on one bridge (network namespaces, veth, ip)",
            Kind::Drop => "loss and cuts (nft drop, numgen)",
            Kind::Reset => "resets (nft reject with tcp reset)",
            Kind::LinkDown => "link down (ip)",
            Kind::Rate => "rates (tc tbf, nft fwd)",
            Kind::Relay => "delay, jitter, reordering, duplication by the relay (TAP, nft fwd)",
            Kind::Netem => "delay, jitter, reordering, duplication by the kernel (tc netem, nft fwd)",
        }
    }

    /// What to do where it is missing.
    fn advice(self) -> &'static str {
        match self {
            Kind::Root => "run as root",
            Kind::Namespaces | Kind::LinkDown => {
                "install iproute2; a container needs CAP_NET_ADMIN and CAP_SYS_ADMIN"
            }
            Kind::Drop | Kind::Reset => "install nftables; the kernel needs nf_tables with numgen and reject",
            Kind::Rate => "the kernel needs sch_tbf and nf_tables on egress (Linux 5.16)",
            Kind::Relay => "the kernel needs tun with /dev/net/tun, and nf_tables on egress (Linux 5.16)",
            Kind::Netem => "the relay stands in for it; the kernel would need sch_netem",
        }
    }

    fn try_out(self, hub: &Namespace, host: &Host) -> Result<(), LabError> {
        use crate::fault::Fault;
        let impairment = Impairment::default();
        match self {
            Kind::Root | Kind::Namespaces => Ok(()),
            Kind::Drop => host.load(&ruleset::of_host(&[(0, Fault::Cut), (0, Fault::Loss { percent: 1 })])),
            Kind::Reset => host.load(&ruleset::of_host(&[(0, Fault::Reset)])),
            Kind::LinkDown => {
                let port = host::port(host.number());
                hub.ip(&format!("link set {port} down\nlink set {port} up\n"))
            }
            Kind::Rate => detour(hub, StageKind::Rate { kilobits: 1000 }),
            Kind::Relay => detour(hub, StageKind::Relay { impairment, seed: 0 }),
            Kind::Netem => detour(hub, StageKind::Netem(impairment)),
        }
    }
}

/// One thing with what came of trying it.
#[derive(Debug, Clone)]
pub struct Capability {
    /// Which.
    pub kind: Kind,
    /// Why it is missing, if it is.
    pub missing: Option<String>,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.kind.what();
        match &self.missing {
            None => write!(f, "The network lab has {what}."),
            Some(reason) => {
                write!(
                    f,
                    "The network lab lacks {what}: {}; {}.",
                    reason.trim_end_matches('.'),
                    self.kind.advice()
                )
            }
        }
    }
}

/// All of them.
#[derive(Debug, Clone)]
pub struct Capabilities(Vec<Capability>);

impl Capabilities {
    /// Tries everything once per process.
    pub fn probe() -> &'static Self {
        static PROBED: OnceLock<Capabilities> = OnceLock::new();
        PROBED.get_or_init(try_everything)
    }

    /// Each, with what came of trying it.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }

    /// Whether it is there.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.0.iter().any(|capability| capability.kind == kind && capability.missing.is_none())
    }

    /// Why there can be no lab here at all, if that is so.
    #[must_use]
    pub fn obstacle(&self) -> Option<&Capability> {
        let needed = |capability: &&Capability| matches!(capability.kind, Kind::Root | Kind::Namespaces);
        self.0.iter().filter(needed).find(|capability| capability.missing.is_some())
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|capability| writeln!(f, "{capability}"))
    }
}

fn try_everything() -> Capabilities {
    let all_miss = |first: Kind, reason: &str| {
        let behind = move |kind: &Kind| *kind >= first;
        let reason =
            |kind: Kind| if kind == first { reason.to_owned() } else { "it needs the above".to_owned() };
        let row = |kind: &Kind| Capability { kind: *kind, missing: behind(kind).then(|| reason(*kind)) };
        Capabilities(KINDS.iter().map(row).collect())
    };
    if !rustix::process::geteuid().is_root() {
        return all_miss(Kind::Root, "this process is not root");
    }
    namespace::remove_stale();
    let (hub, host) = match small_lab() {
        Ok(lab) => lab,
        Err(error) => return all_miss(Kind::Namespaces, &error.to_string()),
    };
    let reason = |error: LabError| match error {
        LabError::LocalTool { message, .. } => message.lines().next().unwrap_or_default().to_owned(),
        other => other.to_string(),
    };
    let row = |kind: &Kind| Capability { kind: *kind, missing: kind.try_out(&hub, &host).err().map(reason) };
    Capabilities(KINDS.iter().map(row).collect())
}

fn small_lab() -> Result<(Namespace, Host), LabError> {
    let number = crate::lab::next_number();
    let hub = crate::lab::hub(number)?;
    let host = Host::create(number, 0, &hub)?;
    Ok((hub, host))
}

/// Builds a detour from the one host to itself, leads there and back, and tears it down.
fn detour(hub: &Namespace, kind: StageKind) -> Result<(), LabError> {
    let relay = Relay::start()?;
    let stage = Stage { number: 0, from: 0, to: 0, kind };
    let tried = stage
        .build(hub, Some(&relay))
        .and_then(|()| hub.nft(&ruleset::of_hub(1, std::slice::from_ref(&stage))))
        .and_then(|()| hub.nft(&ruleset::of_hub(1, &[])));
    let gone = stage.demolish(hub, Some(&relay));
    tried.and(gone)
}

//! Who is a member: SWIM by foca, with what foca lacks, as a machine that opens no socket and reads no clock.
//!
//! ```text
//!  datagram ─▶ read the front ─▶ foca ─▶ effects ─▶ look at them ─▶ outbox: datagrams, events
//!  deadline ─▶ schedule ──────────┘ ▲                  │
//!                 ▲                 └── broadcasts ────┤  confirmations
//!                 └──────────────── timers, scaled ────┘  by local health
//! ```
//!
//! | what | where |
//! |---|---|
//! | probes, indirect probes, suspicion, refutation, gossip | foca |
//! | local health, a clock that stands still with the process | `health`, `schedule` |
//! | time-outs of suspicions that shrink with confirmations; suspects are told first | `suspicion`, `datagram` |
//! | seeds and members that are down are contacted for ever | `contact` |
//! | the bytes | `codec` |
//!
//! The machine runs on core 0. Whoever drives it calls [`Membership::on_deadline`] at [`Membership::next_deadline`],
//! sends what is in the outbox, and never calls it with a time before that of the last call.
//!
//! Sources: "SWIM: Scalable Weakly-consistent Infection-style Process Group Membership Protocol" (Das, Gupta, Motivala,
//! 2002); "Lifeguard: Local Health Awareness for More Accurate Failure Detection" (Dadgar, Phillips, Currey, 2018).

mod broadcast;
mod codec;
mod config;
mod contact;
mod datagram;
mod effects;
mod health;
mod identity;
mod outbox;
mod reaction;
mod schedule;
mod suspicion;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use foca::{Foca, Timer};
use mycorrhizal_net::identity::NodeId;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use self::broadcast::PassOn;
use self::codec::WireCodec;
pub use self::config::{Config, PAYLOAD_BYTES_MAX};
use self::contact::Contacts;
pub use self::datagram::describe;
use self::effects::Effects;
use self::health::Health;
pub use self::identity::MemberIdentity;
pub use self::outbox::{Datagram, Event, Outbox};
use self::schedule::Schedule;
use self::suspicion::{Confirmations, Suspicions};
use super::Time;

/// Members that are down and more than these are forgotten, together with their addresses.
const MEMBERS_DOWN_MAX: usize = 4_096;
/// After a pause nobody is declared down before that many probe intervals have passed.
const PROBES_AFTER_PAUSE: u32 = 4;

/// What this node takes a member for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemberState {
    /// It answers.
    Alive,
    /// It did not answer somebody. It counts as alive until its time is over.
    Suspect,
    /// It left, or did not answer in time.
    Down,
}

/// One member, as this node sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its latest known life.
    pub identity: MemberIdentity,
    /// What this node takes it for.
    pub state: MemberState,
}

/// Counts since the machine was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Datagrams that made no sense, or came from this node itself.
    pub refused: u64,
    /// Pauses of this process.
    pub stalls: u64,
    /// Suspicions that this node raised.
    pub suspicions: u64,
    /// Suspicions of this node that it answered.
    pub refutations: u64,
}

/// A member's view of the cluster. Core 0 owns it.
pub struct Membership {
    foca: Foca<MemberIdentity, WireCodec, Xoshiro256PlusPlus, PassOn>,
    own_tag: u32,
    config: Config,
    random: Xoshiro256PlusPlus,
    schedule: Schedule<Due>,
    effects: Effects,
    health: Health,
    probe: Option<Probe>,
    probe_number: u8,
    /// The one last sent with this incarnation.
    refutation: u16,
    heard: Confirmations,
    suspicions: Suspicions,
    is_reminding: bool,
    contacts: Contacts,
    contact_round: u64,
    /// The size of the cluster that foca's settings are for.
    sized_for: usize,
    sets_right_from: Time,
    twin: Option<MemberIdentity>,
    has_left: bool,
    statistics: Statistics,
}

/// What a timer is for.
#[derive(Debug)]
enum Due {
    Foca(Timer<MemberIdentity>),
    /// A suspicion of this node may be over.
    Suspicion(NodeId),
    /// Suspects are told again.
    Reminder,
    /// Contact with seeds and members that are down; void unless it is of the current round.
    Contact(u64),
    CatchUp,
}

/// The probe in flight.
#[derive(Debug)]
struct Probe {
    target: MemberIdentity,
    number: u8,
    is_answered: bool,
}

impl Membership {
    /// A member that knows nobody yet. The same seed and the same calls have the same effects.
    pub fn new(now: Time, identity: MemberIdentity, config: Config, seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let identity = identity.portable();
        let codec = WireCodec::new(identity.clone());
        let for_foca = Xoshiro256PlusPlus::from_rng(&mut random);
        let mut contacts = Contacts::new();
        contacts.begin_after(identity.address);
        let foca_config = config.for_members(1);
        let foca = Foca::with_custom_broadcast(identity, foca_config, for_foca, codec, PassOn::default());
        let mut schedule = Schedule::new();
        schedule.push(now + config.join_interval, Due::Contact(0));
        Self {
            own_tag: foca.identity().tag(),
            foca,
            config,
            random,
            schedule,
            effects: Effects::default(),
            health: Health::default(),
            probe: None,
            probe_number: 0,
            refutation: 0,
            heard: Confirmations::default(),
            suspicions: Suspicions::new(),
            is_reminding: false,
            contacts,
            contact_round: 0,
            sized_for: 1,
            sets_right_from: now,
            twin: None,
            has_left: false,
            statistics: Statistics::default(),
        }
    }

    /// Remembers addresses for ever, and announces this node to those where no member is known.
    pub fn join(&mut self, now: Time, seeds: &[SocketAddr], out: &mut Outbox) {
        if self.has_left {
            return;
        }
        self.note_stall(now, out);
        let local = self.schedule.local(now);
        let known = self.known_addresses();
        for seed in seeds {
            if self.contacts.add_seed(*seed) && !known.contains(seed) {
                self.announce_at(local, *seed, out);
            }
        }
        if self.foca.num_members() == 0 {
            self.begin_contacts(local);
        }
    }

    /// Takes members for alive that the caller knows from elsewhere, without telling others about them.
    pub fn learn(&mut self, now: Time, members: impl IntoIterator<Item = MemberIdentity>, out: &mut Outbox) {
        if self.has_left {
            return;
        }
        let local = self.schedule.local(now);
        let members: Vec<_> = members
            .into_iter()
            .map(MemberIdentity::portable)
            .filter(|member| member.id != self.foca.identity().id)
            .map(foca::Member::alive)
            .collect();
        self.drive(local, out, |foca, effects| foca.apply_many(members.into_iter(), false, effects));
    }

    /// A datagram came, opened.
    pub fn on_datagram(&mut self, now: Time, payload: &[u8], out: &mut Outbox) {
        if self.has_left {
            return;
        }
        self.note_stall(now, out);
        let local = self.schedule.local(now);
        let mut rest = payload;
        let Ok(front) = codec::take_front(&mut rest) else {
            self.statistics.refused += 1;
            return;
        };
        if front.source.id == self.foca.identity().id {
            self.statistics.refused += 1;
            self.note_twin(&front.source, out);
            return;
        }
        if front.target != 0 && front.target != self.own_tag {
            self.set_right(local, front.source, out);
            return;
        }
        self.note_answer(&front);
        if !self.read_on(local, &front, rest, out) {
            return;
        }
        let events = out.events.len();
        self.drive(local, out, |foca, effects| foca.handle_data(payload, effects));
        let is_news = out.events.iter().skip(events).any(|event| matches!(event, Event::MemberUp(_)));
        if front.message == foca::Message::Feed && is_news {
            self.begin_catching_up(local);
        }
    }

    /// The time of [`Self::next_deadline`] has come.
    pub fn on_deadline(&mut self, now: Time, out: &mut Outbox) {
        self.note_stall(now, out);
        let local = self.schedule.local(now);
        while let Some(due) = self.schedule.pop_due(local) {
            match due {
                Due::Foca(timer) => self.drive(local, out, |foca, effects| foca.handle_timer(timer, effects)),
                Due::Suspicion(id) => self.on_suspicion_due(local, id, out),
                Due::Reminder => self.on_reminder_due(local, out),
                Due::Contact(round) if round == self.contact_round => self.on_contact_due(local, out),
                Due::Contact(_) => {}
                Due::CatchUp => self.on_catch_up_due(local, out),
            }
        }
    }

    /// When to call [`Self::on_deadline`].
    pub fn next_deadline(&self) -> Option<Time> {
        self.schedule.next_deadline()
    }

    /// Tells a few members that this one goes, and does nothing more.
    pub fn leave(&mut self, now: Time, out: &mut Outbox) {
        if self.has_left {
            return;
        }
        let local = self.schedule.local(now);
        self.drive(local, out, |foca, effects| foca.leave_cluster(effects));
        for _ in 0..2 {
            self.drive(local, out, |foca, effects| foca.gossip(effects));
        }
        self.has_left = true;
        self.schedule.clear();
    }

    /// This node, in its present life.
    pub fn identity(&self) -> &MemberIdentity {
        self.foca.identity()
    }

    /// All members that are known, also those that are down, without this node.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        self.foca.iter_membership_state().filter(|member| member.id().id != self.foca.identity().id).map(
            |member| {
                let state = match member.state() {
                    foca::State::Alive => MemberState::Alive,
                    foca::State::Suspect => MemberState::Suspect,
                    foca::State::Down => MemberState::Down,
                };
                Member { identity: member.id().clone(), state }
            },
        )
    }

    /// How many members are not down, this node counted.
    pub fn live_count(&self) -> usize {
        self.foca.num_members() + 1
    }

    /// Local health: 0 is healthy, 8 the worst.
    pub fn health(&self) -> u8 {
        self.health.score()
    }

    /// Counts since the machine was made.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Where somebody is, this node counted.
    fn known_addresses(&self) -> BTreeSet<SocketAddr> {
        let own = self.foca.identity().address;
        self.foca.iter_members().map(|member| member.id().address).chain([own]).collect()
    }

    fn announce_at(&mut self, local: Time, address: SocketAddr, out: &mut Outbox) {
        self.drive(local, out, |foca, effects| foca.announce(MemberIdentity::anyone_at(address), effects));
    }

    fn begin_contacts(&mut self, local: Time) {
        self.contact_round += 1;
        self.schedule.push(local + self.config.join_interval, Due::Contact(self.contact_round));
    }

    fn on_contact_due(&mut self, local: Time, out: &mut Outbox) {
        let known = self.known_addresses();
        let down = self.members().filter(|member| member.state == MemberState::Down);
        let mut targets: BTreeSet<_> = down.map(|member| member.identity.address).collect();
        targets.extend(self.contacts.seeds());
        targets.retain(|address| !known.contains(address));
        let is_lonely = self.foca.num_members() == 0;
        let (chosen, pause) = self.contacts.turn(&targets, is_lonely, &self.config);
        self.schedule.push(local + pause, Due::Contact(self.contact_round));
        for address in chosen {
            self.announce_at(local, address, out);
        }
        self.forget_surplus(local, out);
    }

    fn forget_surplus(&mut self, local: Time, out: &mut Outbox) {
        let down = self.foca.iter_membership_state().len() - self.foca.num_members();
        if down <= MEMBERS_DOWN_MAX {
            return;
        }
        let is_down = |member: &&foca::Member<MemberIdentity>| member.state() == foca::State::Down;
        let surplus = self.foca.iter_membership_state().filter(is_down).take(down - MEMBERS_DOWN_MAX);
        let surplus: Vec<_> = surplus.map(|member| member.id().clone()).collect();
        for identity in surplus {
            self.drive(local, out, |foca, effects| foca.handle_timer(Timer::RemoveDown(identity), effects));
        }
    }

    fn on_catch_up_due(&mut self, local: Time, out: &mut Outbox) {
        let ask = self.contacts.catch_up();
        if ask == 0 {
            return;
        }
        for _ in 0..ask {
            let members = self.foca.num_members();
            if members == 0 {
                continue;
            }
            let chosen = self.random.random_range(0..members);
            let Some(member) = self.foca.iter_members().nth(chosen).map(|member| member.id().clone()) else {
                continue;
            };
            self.drive(local, out, |foca, effects| foca.announce(member, effects));
        }
        self.schedule.push(local + self.config.gossip_interval, Due::CatchUp);
    }
}

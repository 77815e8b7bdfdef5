//! What the machine makes of foca's effects before they become its own: Lifeguard.

use std::{iter, mem};

use foca::{Foca, Message, OwnedNotification, State, Timer};
use mycorrhizal_net::identity::NodeId;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::broadcast::PassOn;
use super::codec::{self, Front, WireCodec};
use super::effects::Effects;
use super::suspicion::{self, Confirmation, Suspicion};
use super::{Datagram, Due, Event, MemberIdentity, Membership, Outbox, PROBES_AFTER_PAUSE, Probe, datagram};
use crate::nodosum::Time;

type Machine = Foca<MemberIdentity, WireCodec, Xoshiro256PlusPlus, PassOn>;

impl Membership {
    /// Gives foca an input and sees to the effects.
    pub(super) fn drive(
        &mut self,
        local: Time,
        out: &mut Outbox,
        input: impl FnOnce(&mut Machine, &mut Effects) -> Result<(), foca::Error>,
    ) {
        let mut effects = mem::take(&mut self.effects);
        if input(&mut self.foca, &mut effects).is_err() {
            self.statistics.refused += 1;
        }
        if effects.notifications.iter().any(|told| matches!(told, OwnedNotification::Rejoin(_))) {
            // Under a new identity foca rests until a datagram comes for it. If nobody is left to send one, it would
            // never find that out; given anything to look at, it goes on.
            self.foca.apply_many(iter::empty(), false, &mut effects).expect("nothing cannot be refused");
        }
        for (timer, after) in effects.timers.drain(..) {
            let patience = self.health.probe_factor();
            match timer {
                Timer::ChangeSuspectToDown { ref member_id, incarnation, token: _ } => {
                    let identity = member_id.clone();
                    self.suspect(local, identity, incarnation, timer);
                }
                Timer::ProbeRandomMember(_) | Timer::SendIndirectProbe { .. } => {
                    self.schedule.push(local + after * patience, Due::Foca(timer));
                }
                timer => self.schedule.push(local + after, Due::Foca(timer)),
            }
        }
        for (to, payload) in effects.sends.drain(..) {
            self.send(&to, payload, out);
        }
        let has_news = !effects.notifications.is_empty();
        self.tell(local, &mut effects.notifications, out);
        self.effects = effects;
        if has_news {
            self.follow_the_size();
        }
    }

    /// If the process stood still: its timers are where they were, it trusts itself less, and those whom it suspects
    /// have time to answer.
    pub(super) fn note_stall(&mut self, now: Time, out: &mut Outbox) {
        let Some(stall) = self.schedule.absorb_stall(now, self.config.stall_tolerance) else { return };
        self.statistics.stalls += 1;
        self.health.worsen();
        let local = self.schedule.local(now);
        let not_before = local + self.config.probe_interval * PROBES_AFTER_PAUSE;
        for (id, suspicion) in &mut self.suspicions {
            suspicion.not_before = not_before;
            self.schedule.push(not_before, Due::Suspicion(*id));
        }
        self.remind(out);
        if stall >= self.config.stall_with_loss {
            self.begin_catching_up(local);
        }
    }

    /// A datagram for a life of this node that is over, or for whoever had its address: the sender does not know better,
    /// and would take this node for dead because it does not answer. It is told.
    pub(super) fn set_right(&mut self, local: Time, sender: MemberIdentity, out: &mut Outbox) {
        if local >= self.sets_right_from {
            self.sets_right_from = local + self.config.gossip_interval;
            self.drive(local, out, |foca, effects| foca.announce(sender, effects));
        }
    }

    /// There may be news that did not reach this node: it asks for it.
    pub(super) fn begin_catching_up(&mut self, local: Time) {
        if self.contacts.note_news() {
            self.schedule.push(local + self.config.gossip_interval, Due::CatchUp);
        }
    }

    pub(super) fn note_answer(&mut self, front: &Front) {
        let Some(probe) = &mut self.probe else { return };
        match &front.message {
            Message::Ack(number) => {
                probe.is_answered |= *number == probe.number && front.source == probe.target;
            }
            Message::ForwardedAck { origin, probe_number } => {
                probe.is_answered |= *probe_number == probe.number && *origin == probe.target;
            }
            _ => {}
        }
    }

    /// Hears confirmations, and of twins: whether of none.
    pub(super) fn read_on(&mut self, local: Time, front: &Front, rest: &[u8], out: &mut Outbox) -> bool {
        let own = self.foca.identity().id;
        let (mut twins, mut confirmed) = (Vec::new(), Vec::new());
        let on_member = |member: &foca::Member<MemberIdentity>| {
            if member.id().id == own && member.state() != State::Down {
                twins.push(member.id().clone());
            }
        };
        datagram::read_on(&front.message, rest, on_member, |confirmation| confirmed.push(confirmation));
        let has_twin = twins.iter().filter(|twin| self.note_twin(twin, out)).count() > 0;
        for confirmation in confirmed {
            if self.heard.insert(confirmation) {
                self.hasten(local, confirmation);
            }
        }
        !has_twin
    }

    /// Whether that life of this node's id is no life of this node.
    pub(super) fn note_twin(&mut self, other: &MemberIdentity, out: &mut Outbox) -> bool {
        let own = self.foca.identity();
        let is_twin = other.address != own.address && other.incarnation >= own.incarnation;
        if is_twin && self.twin.as_ref() != Some(other) {
            self.twin = Some(other.clone());
            out.events.push(Event::Twin(other.clone()));
        }
        is_twin
    }

    /// Two nodes under one id do not hear of each other, for everybody talks to the one that won last. So the other one
    /// is told.
    fn tell_of_twin(&self, told: &MemberIdentity, other: &MemberIdentity, out: &mut Outbox) {
        if told.address != other.address {
            let payload = datagram::rumour(self.foca.identity(), self.refutation, told, other);
            out.datagrams.push(Datagram { to: told.address, payload });
        }
    }

    pub(super) fn on_suspicion_due(&mut self, local: Time, id: NodeId, out: &mut Outbox) {
        let Some(suspicion) = self.suspicions.get(&id) else { return };
        let deadline = self.deadline(suspicion);
        if deadline > local {
            // Where there are more members now, there are more to ask.
            self.schedule.push(deadline, Due::Suspicion(id));
            return;
        }
        if let Some(suspicion) = self.suspicions.remove(&id) {
            self.drive(local, out, |foca, effects| foca.handle_timer(suspicion.timer, effects));
        }
    }

    pub(super) fn on_reminder_due(&mut self, local: Time, out: &mut Outbox) {
        let suspects = self.foca.iter_membership_state().filter(|member| member.state() == State::Suspect);
        let suspects: Vec<_> = suspects.map(|member| (member.id().clone(), member.incarnation())).collect();
        self.suspicions.retain(|_, suspicion| {
            suspects.iter().any(|(identity, refutation)| {
                *identity == suspicion.identity && *refutation == suspicion.refutation
            })
        });
        self.remind(out);
        self.is_reminding = !self.suspicions.is_empty();
        if self.is_reminding {
            self.schedule.push(local + self.config.probe_interval, Due::Reminder);
        }
    }

    /// Tells each suspect that this node suspects it, and asks for its answer.
    fn remind(&self, out: &mut Outbox) {
        for suspicion in self.suspicions.values() {
            let suspect = foca::Member::new(suspicion.identity.clone(), suspicion.refutation, State::Suspect);
            self.notify_suspect(&suspect, self.probe_number, out);
        }
    }

    fn notify_suspect(&self, suspect: &foca::Member<MemberIdentity>, number: u8, out: &mut Outbox) {
        let payload = datagram::notice(self.foca.identity(), self.refutation, suspect, number);
        out.datagrams.push(Datagram { to: suspect.id().address, payload });
    }

    /// Foca found that a probe failed.
    fn suspect(
        &mut self,
        local: Time,
        identity: MemberIdentity,
        refutation: u16,
        timer: Timer<MemberIdentity>,
    ) {
        let own_tag = self.own_tag;
        let factor = self.health.suspicion_factor();
        let id = identity.id;
        let known = self.suspicions.get_mut(&id);
        if let Some(known) =
            known.filter(|known| known.identity == identity && known.refutation == refutation)
        {
            known.timer = timer;
            return;
        }
        let suspicion = Suspicion { identity, refutation, timer, since: local, not_before: local, factor };
        if self.heard.count(suspicion.suspect(), own_tag) == 0 {
            self.health.worsen();
        }
        self.statistics.suspicions += 1;
        let confirmation = Confirmation { suspect: suspicion.suspect(), by: own_tag };
        self.schedule.push(self.deadline(&suspicion), Due::Suspicion(id));
        self.suspicions.insert(id, suspicion);
        if !self.is_reminding {
            self.is_reminding = true;
            self.schedule.push(local, Due::Reminder);
        }
        self.heard.insert(confirmation);
        if self.foca.add_broadcast(&confirmation.encode()).is_err() {
            self.statistics.refused += 1;
        }
    }

    /// Another member confirms a suspicion: if it is one of this node's, less time is left.
    fn hasten(&mut self, local: Time, confirmation: Confirmation) {
        let hastened = self.suspicions.values().find(|known| known.suspect() == confirmation.suspect);
        if let Some(suspicion) = hastened {
            let at = self.deadline(suspicion).max(local);
            self.schedule.push(at, Due::Suspicion(suspicion.identity.id));
        }
    }

    fn deadline(&self, suspicion: &Suspicion) -> Time {
        let members = self.live_count();
        let confirmations = self.heard.count(suspicion.suspect(), self.own_tag);
        let shortest = self.config.suspicion_for(members);
        let left = suspicion::time_left(shortest, self.config.suspicion_spread, confirmations, members);
        (suspicion.since + left * suspicion.factor).max(suspicion.not_before)
    }

    /// Looks at a datagram of foca's on its way out.
    fn send(&mut self, to: &MemberIdentity, payload: Vec<u8>, out: &mut Outbox) {
        if let Ok(front) = codec::take_front(&mut payload.as_slice()) {
            if front.source == *self.foca.identity() {
                self.note_refutation(front.refutation);
            }
            match front.message {
                Message::Ping(number) => self.note_probe(to, number, out),
                Message::TurnUndead => {
                    let other = self.foca.iter_members().find(|member| member.id().id == to.id);
                    other.inspect(|other| self.tell_of_twin(to, other.id(), out));
                }
                _ => {}
            }
        }
        out.datagrams.push(Datagram { to: to.address, payload });
    }

    fn note_refutation(&mut self, refutation: u16) {
        if refutation > self.refutation {
            self.statistics.refutations += 1;
            self.health.worsen();
        }
        self.refutation = refutation;
    }

    /// A probe begins, so the one before is over. A suspect is told that it is one before it is asked.
    fn note_probe(&mut self, target: &MemberIdentity, number: u8, out: &mut Outbox) {
        if self.probe.as_ref().is_some_and(|probe| probe.is_answered) {
            self.health.improve();
        }
        self.probe = Some(Probe { target: target.clone(), number, is_answered: false });
        self.probe_number = number;
        let mut members = self.foca.iter_membership_state();
        let suspect = members.find(|member| member.id() == target && member.state() == State::Suspect);
        if let Some(suspect) = suspect {
            self.notify_suspect(suspect, number, out);
        }
    }

    fn tell(
        &mut self,
        local: Time,
        notifications: &mut Vec<OwnedNotification<MemberIdentity>>,
        out: &mut Outbox,
    ) {
        let mut notifications = notifications.drain(..).peekable();
        while let Some(notification) = notifications.next() {
            match notification {
                OwnedNotification::MemberUp(identity) => out.events.push(Event::MemberUp(identity)),
                OwnedNotification::MemberDown(identity) => out.events.push(Event::MemberDown(identity)),
                OwnedNotification::Rename(before, after) => {
                    // A member that was down comes up next, and one that is down now goes down next.
                    let is_told_next = matches!(
                        notifications.peek(),
                        Some(OwnedNotification::MemberUp(next) | OwnedNotification::MemberDown(next))
                            if *next == after
                    );
                    if !is_told_next && self.foca.iter_members().any(|member| *member.id() == after) {
                        self.tell_of_twin(&before, &after, out);
                        out.events.push(Event::MemberChanged { before, after });
                    }
                }
                OwnedNotification::Rejoin(identity) => {
                    self.refutation = 0;
                    self.own_tag = identity.tag();
                    self.begin_catching_up(local);
                    out.events.push(Event::SelfDeclaredDown(identity));
                }
                OwnedNotification::Idle => self.begin_contacts(local),
                OwnedNotification::Active | OwnedNotification::Defunct => {}
            }
        }
    }

    fn follow_the_size(&mut self) {
        let members = self.live_count();
        if members != self.sized_for {
            self.sized_for = members;
            self.foca
                .set_config(self.config.for_members(members))
                .expect("only numbers change that foca lets change");
        }
    }
}

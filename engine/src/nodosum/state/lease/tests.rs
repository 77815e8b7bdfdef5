use mycorrhizal_net::identity::Incarnation;
use proptest::prelude::*;

use super::*;

fn candidate(node: u8, number: u64) -> Candidate {
    Candidate { session: Session { node: NodeId([node; 20]), incarnation: Incarnation(1) }, number }
}

fn name(kind: LeaseKind, name: &str) -> LeaseName {
    LeaseName { class: kind.class(), name: name.to_owned() }
}

fn leader(leases: &Leases, election: &str) -> Option<(Candidate, u64)> {
    let grant = leases.find(&name(LeaseKind::Election, election))?.leader()?;
    Some((grant.candidate, grant.token.0))
}

#[test]
fn the_first_to_campaign_leads_and_the_next_follows_with_a_higher_token() {
    let mut leases = Leases::default();
    for node in [1, 2, 3] {
        leases.ask("billing", LeaseKind::Election, candidate(node, 0)).unwrap();
    }
    assert_eq!(leader(&leases, "billing"), Some((candidate(1, 0), 1)));
    assert!(leases.release(&name(LeaseKind::Election, "billing"), candidate(2, 0)), "a place in the queue");
    leases.end_session(candidate(1, 0).session);
    assert_eq!(leader(&leases, "billing"), Some((candidate(3, 0), 2)));
    assert!(leases.release(&name(LeaseKind::Election, "billing"), candidate(3, 0)));
    assert_eq!(leases.iter().count(), 0);
    leases.ask("billing", LeaseKind::Election, candidate(1, 1)).unwrap();
    assert_eq!(leader(&leases, "billing"), Some((candidate(1, 1), 3)), "a token is never given twice");
}

#[test]
fn asking_twice_is_asking_once() {
    let mut leases = Leases::default();
    for _ in 0..2 {
        leases.ask("a", LeaseKind::Lock, candidate(1, 0)).unwrap();
        leases.ask("a", LeaseKind::Lock, candidate(2, 0)).unwrap();
    }
    let lease = leases.find(&name(LeaseKind::Lock, "a")).unwrap();
    assert_eq!((lease.grants.len(), lease.queue.len()), (1, 1));
}

#[test]
fn a_name_keeps_its_kind_while_it_is_in_use() {
    let mut leases = Leases::default();
    leases.ask("pool", LeaseKind::Semaphore { permits: 2 }, candidate(1, 0)).unwrap();
    let error = leases.ask("pool", LeaseKind::Semaphore { permits: 3 }, candidate(2, 0)).unwrap_err();
    assert_eq!(error.to_string(), "pool is in use with another kind or number of permits");
    assert_eq!(
        leases.ask("none", LeaseKind::Semaphore { permits: 0 }, candidate(2, 0)),
        Err(LeaseError::PeerNoPermits)
    );
    leases.ask("pool", LeaseKind::Lock, candidate(3, 0)).unwrap();
}

#[test]
fn spread_elections_go_where_rendezvous_hashing_puts_them() {
    let mut firsts = std::collections::BTreeSet::new();
    for number in 0..64 {
        let election = format!("subsystem-{number}");
        let mut leases = Leases::default();
        // While the first leads, the others queue up; when it goes, the choice is among them all.
        leases.ask(&election, LeaseKind::SpreadElection, candidate(9, 0)).unwrap();
        for node in 1..=4 {
            leases.ask(&election, LeaseKind::SpreadElection, candidate(node, 0)).unwrap();
        }
        leases.end_session(candidate(9, 0).session);
        let (elected, _) = leader(&leases, &election).unwrap();
        let best = (1..=4).max_by_key(|node| rendezvous(&election, NodeId([*node; 20]))).unwrap();
        assert_eq!(elected, candidate(best, 0));
        firsts.insert(best);
    }
    assert_eq!(firsts.len(), 4);
}

proptest! {
    #[test]
    fn permits_are_never_exceeded_and_tokens_only_grow(
        permits in 1u32..4,
        steps in proptest::collection::vec((0u8..5, 0u8..3, 0u64..3), 0..120),
    ) {
        let kind = LeaseKind::Semaphore { permits };
        let mut leases = Leases::default();
        let mut highest = 0;
        for (node, act, number) in steps {
            match act {
                0 => leases.ask("s", kind, candidate(node, number)).unwrap(),
                1 => drop(leases.release(&name(kind, "s"), candidate(node, number))),
                _ => leases.end_session(candidate(node, 0).session),
            }
            let Some(lease) = leases.find(&name(kind, "s")) else { continue };
            prop_assert!(lease.grants.len() <= permits as usize);
            prop_assert!(lease.queue.is_empty() || lease.grants.len() == permits as usize);
            for grant in &lease.grants {
                prop_assert!(!lease.queue.contains(&grant.candidate));
            }
            let newest = lease.grants.iter().map(|grant| grant.token.0).max().unwrap_or(0);
            prop_assert!(lease.grants.is_sorted_by_key(|grant| grant.token));
            prop_assert!(newest >= highest || !lease.grants.iter().any(|grant| grant.token.0 > highest));
            highest = newest.max(highest);
        }
    }
}

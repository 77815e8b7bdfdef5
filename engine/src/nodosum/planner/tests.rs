use std::net::Ipv4Addr;

use mycorrhizal_net::identity::{Incarnation, NodeId};
use proptest::prelude::*;

use super::*;
use crate::nodosum::state::{PartitionId, Session, Standing};

fn member(number: u8, cores: u16, weight: u32) -> Member {
    Member {
        name: format!("node-{number}"),
        weight,
        ..Member::new(
            Session { node: NodeId([number; 20]), incarnation: Incarnation(1) },
            Ipv4Addr::LOCALHOST.into(),
            cores,
        )
    }
}

/// Follows the plan until it is empty, moves finishing as soon as they have begun; returns how many moved.
fn settle(map: &mut PartitionMap, members: &[Member]) -> usize {
    let mut moved = 0;
    for _ in 0..10_000 {
        let changes = plan(map, members.iter());
        if changes.is_empty() {
            return moved;
        }
        for change in changes {
            map.apply(change).expect("a plan fits the map that it was made on");
            if let MapChange::BeginMove { partition, from, to } = change {
                let begun = map.ownership(partition).epoch;
                map.apply(MapChange::FinishMove { partition, from, to, begun }).unwrap();
                moved += 1;
            }
        }
    }
    panic!("the plan never ends");
}

fn owned(map: &PartitionMap, member: &Member) -> usize {
    map.owned_count(member.id)
}

#[test]
fn a_third_node_takes_a_third_and_no_more_moves() {
    let (a, b, c) = (member(1, 1, 1), member(2, 1, 1), member(3, 1, 1));
    let mut map = PartitionMap::default();
    assert_eq!(settle(&mut map, &[a.clone(), b.clone()]), 0);
    let members = [a, b, c];
    assert_eq!(settle(&mut map, &members), 341);
    assert_eq!(members.each_ref().map(|member| owned(&map, member)).iter().max(), Some(&342));
}

#[test]
fn weight_and_cores_make_the_share() {
    let members = [member(1, 4, 4), member(2, 2, 2), member(3, 1, 2)];
    let mut map = PartitionMap::default();
    settle(&mut map, &members);
    assert_eq!(members.each_ref().map(|member| owned(&map, member)), [512, 256, 256]);
    assert!(members[0].core_addresses().all(|core| map.owned_by(core).count() == 128));
}

#[test]
fn a_draining_node_ends_empty() {
    let mut members = [member(1, 2, 2), member(2, 2, 2), member(3, 1, 1)];
    let mut map = PartitionMap::default();
    settle(&mut map, &members);
    members[1].standing = Standing::Draining;
    let had = owned(&map, &members[1]);
    assert_eq!(settle(&mut map, &members), had);
    assert_eq!(owned(&map, &members[1]), 0);
}

#[test]
fn nothing_moves_from_or_to_a_member_that_is_absent() {
    let mut members = [member(1, 1, 1), member(2, 1, 1), member(3, 1, 1)];
    let mut map = PartitionMap::default();
    settle(&mut map, &members);
    members[2].presence = Presence::Absent;
    assert_eq!(plan(&map, members.iter()), []);

    let moving = map.owned_by(CoreAddress { node: members[0].id, core: 0 }).next().unwrap();
    let (from, to) = (map.ownership(moving).owner.unwrap(), CoreAddress { node: members[2].id, core: 0 });
    map.apply(MapChange::BeginMove { partition: moving, from, to }).unwrap();
    let begun = map.ownership(moving).epoch;
    assert_eq!(plan(&map, members.iter()), [MapChange::AbortMove { partition: moving, begun }]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_and_goes_the_map_is_whole_fair_and_little_moves(
        sizes in proptest::collection::vec((1u16..5, 1u32..5), 1..7),
        steps in proptest::collection::vec((0usize..7, any::<bool>()), 0..6),
    ) {
        let mut members: Vec<Member> = (1u8..).zip(sizes).map(|(number, (cores, weight))| member(number, cores, weight)).collect();
        let mut map = PartitionMap::default();
        settle(&mut map, &members);
        for (which, lost) in steps {
            let at = which % members.len();
            let node = members[at].id;
            if lost {
                members[at].presence = Presence::Absent;
                let gone: Vec<(PartitionId, CoreAddress)> = map
                    .iter()
                    .filter_map(|(partition, entry)| Some((partition, entry.owner.filter(|owner| owner.node == node)?)))
                    .collect();
                for (partition, from) in gone {
                    map.apply(MapChange::Lose { partition, from }).unwrap();
                }
            } else {
                members[at].presence = Presence::Present;
            }
            let before: Vec<usize> = members.iter().map(|member| owned(&map, member)).collect();
            let orphans = map.iter().filter(|(_, entry)| entry.owner.is_none()).count();
            let moved = settle(&mut map, &members);
            if members.iter().any(Member::takes_partitions) {
                prop_assert!(map.iter().all(|(_, entry)| entry.owner.is_some()));
                let gained: usize =
                    members.iter().zip(&before).map(|(member, had)| owned(&map, member).saturating_sub(*had)).sum();
                prop_assert!(moved + orphans >= gained);
                let cores = members.iter().map(|member| usize::from(member.cores)).sum::<usize>();
                prop_assert!(moved <= gained + cores, "moved {}, gained {}", moved, gained);
                for (core, due) in shares(members.iter()) {
                    let has = map.owned_by(core).count();
                    prop_assert!(has.abs_diff(due) <= 1, "{core:?} has {has}, due {due}");
                }
            }
        }
    }
}

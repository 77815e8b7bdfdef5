//! Three nodes in this process, as one cluster.

use mycorrhizal::{Health, MemberChange, Presence, Raw, SeptumPolicy, ServiceSpec};

use crate::nodes::{Nodes, SOON, wait};

#[test]
fn keys_are_the_same_by_every_node() {
    let nodes = Nodes::start(3);
    nodes.node(0).septa().blocking().create("carts", SeptumPolicy::default()).unwrap();
    let septum = |number: usize| nodes.node(number).septum::<i64>("carts").blocking();
    let pairs: Vec<(String, i64)> = (0..300).map(|number| (format!("key:{number}"), number)).collect();
    septum(0).set_many(&pairs).unwrap();
    let keys: Vec<&String> = pairs.iter().map(|(key, _)| key).collect();
    for number in 0..3 {
        assert_eq!(septum(number).len().unwrap(), 300);
        let values: Vec<i64> = septum(number).get_many(&keys).unwrap().into_iter().flatten().collect();
        assert_eq!(values, (0..300).collect::<Vec<_>>());
        let mut scan = septum(number).scan();
        let found: std::collections::BTreeSet<_> =
            std::iter::from_fn(|| scan.wait_next()).map(Result::unwrap).collect();
        assert_eq!(found.len(), 300);
    }
    assert!(nodes.node(1).septum::<i64>("0").blocking().is_empty().unwrap());
}

#[test]
fn a_lock_goes_round_and_its_tokens_rise() {
    let nodes = Nodes::start(3);
    let sum = nodes.node(0).septum::<i64>("0").blocking();
    sum.set("sum", &0).unwrap();
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (lock, sum) = (nodes.node(number).lock("sum").blocking(), &sum);
            scope.spawn(move || {
                let mut last = 0;
                for _ in 0..10 {
                    let guard = lock.acquire().unwrap();
                    assert!(guard.is_held() && guard.token() > last);
                    last = guard.token();
                    // Without the lock, some of these would be lost.
                    let before = sum.get("sum").unwrap().unwrap();
                    sum.set("sum", &(before + 1)).unwrap();
                    guard.wait_release().unwrap();
                }
            });
        }
    });
    assert_eq!(sum.get("sum").unwrap(), Some(30));
}

#[test]
fn leadership_passes_on_and_what_a_node_had_goes_with_it() {
    let mut nodes = Nodes::start(3);
    let mut members = nodes.node(0).members().blocking().watch().unwrap();
    let first = nodes.node(2).election("billing").blocking().campaign().unwrap();
    let _mail = nodes.node(2).services().blocking().register(ServiceSpec::new("mail")).unwrap();
    nodes.node(2).app::<Raw>("shop").blocking().declare(["refund"]).unwrap();
    let services = nodes.node(0).services().blocking();
    wait("the service", || services.discover("mail").unwrap().len() == 1);
    assert_eq!(services.discover("mail").unwrap()[0].health, Health::Passing);
    let shop = nodes.node(0).app::<Raw>("shop");
    wait("the capability", || shop.capable_of("refund").len() == 1);

    let election = nodes.node(1).election("billing").blocking();
    assert!(election.campaign_within(SOON).unwrap().is_none());
    wait("who leads", || election.leader().unwrap().is_some_and(|leader| leader.node_name == "node-2"));
    let id = nodes.node(2).id();
    nodes.end(2);
    assert!(!first.is_held());
    let second = election.campaign().unwrap();
    assert!(second.token() > first.token());
    wait("the end of what it had", || {
        services.discover("mail").unwrap().is_empty() && shop.capable_of("refund").is_empty()
    });
    let change = members.wait_next().unwrap();
    assert!(matches!(&change, MemberChange::Absent(member) if member.id == id), "{change:?}");
    let absent = nodes
        .node(0)
        .members()
        .blocking()
        .list()
        .unwrap()
        .into_iter()
        .find(|member| member.id == id)
        .unwrap();
    assert_eq!((absent.presence, absent.name.as_str()), (Presence::Absent, "node-2"));
}

#[test]
fn a_node_that_is_cut_off_knows_that_it_lost_what_it_held() {
    let mut nodes = Nodes::start(3);
    let leadership = nodes.node(0).election("billing").blocking().campaign().unwrap();
    let guard = nodes.node(0).lock("stock").blocking().acquire().unwrap();
    assert!(leadership.is_held() && guard.is_held());
    // Two of three are gone: nobody can confirm that the third still leads.
    nodes.end(1);
    nodes.end(2);
    leadership.wait_lost();
    assert!(!leadership.is_held());
    guard.wait_lost();
    assert!(!guard.is_held());
    let waiting = nodes.node(0).election("billing").blocking().campaign_within(SOON);
    assert!(waiting.unwrap().is_none());
}

#[test]
fn a_node_leaves_in_order() {
    let mut nodes = Nodes::start(3);
    let numbers = nodes.node(0).septum::<i64>("0").blocking();
    let pairs: Vec<(String, i64)> = (0..300).map(|number| (format!("key:{number}"), number)).collect();
    numbers.set_many(&pairs).unwrap();
    let mut members = nodes.node(0).members().blocking().watch().unwrap();
    let id = nodes.node(1).id();
    nodes.node(1).wait_leave().unwrap();
    nodes.end(1);
    let left = std::iter::from_fn(|| members.wait_next().ok());
    let left = left.into_iter().find(|change| matches!(change, MemberChange::Left(_)));
    assert!(matches!(left, Some(MemberChange::Left(member)) if member.id == id));
    assert_eq!(numbers.len().unwrap(), 300);
    assert_eq!(nodes.node(0).members().blocking().list().unwrap().len(), 2);
}

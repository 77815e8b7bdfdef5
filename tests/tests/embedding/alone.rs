//! A node that belongs to no cluster.

use std::collections::BTreeSet;
use std::time::Duration;

use mycorrhizal::{
    Answer, Batch, CallError, Client, Condition, Health, Hypha, PayloadError, ProposeError, Raw,
    SeptumPolicy, ServiceSpec, SetOptions, TimeToLive, Value,
};
use serde::{Deserialize, Serialize};

use crate::nodes::{SOON, builder, wait};

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Session {
    user: String,
    roles: Vec<String>,
}

fn alice() -> Session {
    Session { user: "alice".to_owned(), roles: vec!["admin".to_owned()] }
}

#[test]
fn handles_go_anywhere() {
    fn goes_anywhere<T: Send + Sync + 'static>() {}
    goes_anywhere::<Hypha>();
    goes_anywhere::<Client>();
    goes_anywhere::<mycorrhizal::Septum<Session>>();
    goes_anywhere::<mycorrhizal::Election>();
    goes_anywhere::<mycorrhizal::Leadership>();
    goes_anywhere::<mycorrhizal::LockGuard>();
    goes_anywhere::<mycorrhizal::Services>();
    goes_anywhere::<mycorrhizal::Registration>();
    goes_anywhere::<mycorrhizal::MemberWatch>();
    goes_anywhere::<mycorrhizal::Scan>();
}

#[test]
fn values_keep_their_type() {
    let hypha = builder().start().unwrap();
    let sessions = hypha.septum::<Session>("3").blocking();
    sessions.set("a", &alice()).unwrap();
    assert_eq!(sessions.get("a").unwrap(), Some(alice()));
    assert_eq!(sessions.get("b").unwrap(), None);
    assert!(sessions.exists("a").unwrap() && !sessions.exists("b").unwrap());

    let absent = SetOptions { condition: Condition::IfAbsent, ..SetOptions::default() };
    assert!(!sessions.set_with("a", &alice(), absent).unwrap());
    let soon = SetOptions { expire_in: Some(Duration::from_secs(9)), condition: Condition::IfPresent };
    assert!(sessions.set_with("a", &alice(), soon).unwrap());
    let TimeToLive::Left(left) = sessions.time_to_live("a").unwrap() else { panic!("it expires") };
    assert!(left <= Duration::from_secs(9) && left > Duration::from_secs(5), "{left:?}");
    assert!(sessions.expire("a", Duration::ZERO).unwrap());
    assert_eq!(sessions.time_to_live("a").unwrap(), TimeToLive::Absent);

    // As any Redis client would have written it, and one would not.
    let raw = hypha.septum::<Raw>("3").blocking();
    raw.set("b", &br#"{"user":"bob","roles":[],"since":7}"#.into()).unwrap();
    assert_eq!(sessions.get("b").unwrap().unwrap().user, "bob");
    raw.set("b", &"no session".into()).unwrap();
    let error = sessions.get("b").unwrap_err();
    assert!(matches!(error, CallError::Payload(PayloadError::PeerDecode { len: 10, .. })), "{error}");
    assert_eq!(raw.increment("n", 5).unwrap(), 5);
    assert_eq!(raw.get("n").unwrap(), Some(Raw::from("5")));
    assert_eq!(raw.execute(&["TYPE", "n"]).unwrap(), Value::Simple(b"string".to_vec()));
    assert!(matches!(raw.increment("b", 1), Err(CallError::Refused(text)) if text.starts_with("ERR value")));
    hypha.wait_shutdown().unwrap();
}

#[test]
fn many_at_once_have_an_outcome_each() {
    let hypha = Hypha::builder().cores(2).start().unwrap();
    let numbers = hypha.septum::<i64>("0").blocking();
    let pairs: Vec<(String, i64)> = (0..500).map(|number| (format!("key:{number}"), number)).collect();
    numbers.set_many(&pairs).unwrap();
    assert_eq!(numbers.len().unwrap(), 500);
    let keys: Vec<&String> = pairs.iter().map(|(key, _)| key).collect();
    let values: Vec<i64> = numbers.get_many(&keys).unwrap().into_iter().flatten().collect();
    assert_eq!(values, (0..500).collect::<Vec<_>>());

    hypha.septum::<Raw>("0").blocking().set("broken", &"x".into()).unwrap();
    let batch = Batch::new().get("key:1").get("broken").delete("key:2").set("key:3", &33).get("none");
    let outcomes = numbers.batch(batch);
    assert_eq!(outcomes[0], Ok(Answer::Value(Some(1))));
    assert!(matches!(outcomes[1], Err(CallError::Payload(_))));
    assert_eq!(outcomes[2..], [Ok(Answer::Done(true)), Ok(Answer::Done(true)), Ok(Answer::Value(None))]);
    assert!(numbers.batch(Batch::new()).is_empty());

    let mut scan = numbers.scan().matching("key:*");
    let found: BTreeSet<Vec<u8>> = std::iter::from_fn(|| scan.wait_next()).map(Result::unwrap).collect();
    assert_eq!(found.len(), 499);
    numbers.clear().unwrap();
    assert!(numbers.is_empty().unwrap());
    hypha.wait_shutdown().unwrap();
}

#[test]
fn septa_come_and_go() {
    let hypha = Hypha::builder().cores(2).start().unwrap();
    let septa = hypha.septa().blocking();
    let policy = SeptumPolicy { max_entries: Some(64), ..SeptumPolicy::default() };
    septa.create("carts", policy).unwrap();
    assert!(matches!(septa.create("carts", policy), Err(CallError::Refused(_))));
    let carts = hypha.septum::<i64>("carts").blocking();
    let pairs: Vec<(String, i64)> = (0..500).map(|number| (format!("key:{number}"), number)).collect();
    assert!(matches!(carts.set_many(&pairs), Err(CallError::Refused(text)) if text.starts_with("OOM")));
    assert!(carts.len().unwrap() <= 64);
    septa
        .alter(
            "carts",
            SeptumPolicy { default_ttl: Some(Duration::from_secs(60)), ..SeptumPolicy::default() },
        )
        .unwrap();
    carts.set_many(&pairs).unwrap();
    let info = septa.info("carts").unwrap();
    assert_eq!((info.keys, info.policy.max_entries), (500, None));
    assert!(matches!(carts.time_to_live("key:1").unwrap(), TimeToLive::Left(_)));
    assert_eq!(septa.list().unwrap().len(), 17);

    // Over several cores, all or nothing; and from here to a numbered database, which has a number, unlike this septum.
    let say = |words: &str| carts.execute(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(say("MSETNX a 1 b 2 c 3 d 4"), Ok(Value::Integer(1)));
    for (from, to) in [("a", "x"), ("b", "y"), ("c", "z")] {
        assert_eq!(say(&format!("RENAME {from} {to}")), Ok(Value::Simple(b"OK".to_vec())));
        assert_eq!(say(&format!("COPY {to} {to}{to} DB 3")), Ok(Value::Integer(1)));
        assert!(matches!(say(&format!("COPY {to} {from} DB 16")), Err(CallError::Refused(_))));
    }
    assert_eq!(
        carts.get_many(&["x", "y", "z", "d", "a"]).unwrap(),
        [Some(1), Some(2), Some(3), Some(4), None]
    );
    assert_eq!(hypha.septum::<i64>("3").blocking().get("xx").unwrap(), Some(1));

    septa.drop_septum("carts").unwrap();
    for outcome in [carts.get("key:1").map(drop), carts.set("key:1", &1), carts.len().map(drop)] {
        assert!(matches!(outcome, Err(CallError::NoSeptum(_))), "{outcome:?}");
    }
    assert!(matches!(septa.drop_septum("carts"), Err(CallError::NoSeptum(_))));
    assert!(matches!(septa.drop_septum("3"), Err(CallError::Refused(_))));
    septa.create("carts", SeptumPolicy::default()).unwrap();
    assert!(carts.is_empty().unwrap(), "the name is looked up at each call");
    hypha.wait_shutdown().unwrap();
}

#[test]
fn one_leads_and_its_tokens_rise() {
    let hypha = builder().start().unwrap();
    let election = hypha.election("jobs");
    let mut watch = election.blocking().observe().unwrap();
    assert_eq!(watch.wait_next(), Ok(None));
    let first = election.blocking().campaign().unwrap();
    assert!(first.is_held());
    let leader = watch.wait_next().unwrap().unwrap();
    assert_eq!((leader.node, leader.token), (hypha.id(), first.token()));
    assert!(election.blocking().campaign_within(SOON).unwrap().is_none());
    let token = first.token();
    // Dropping resigns.
    drop(first);
    let second = election.blocking().campaign().unwrap();
    assert!(second.token() > token);
    second.wait_resign().unwrap();
    assert_eq!(election.blocking().leader(), Ok(None));

    let pool = hypha.semaphore("pool", 2).blocking();
    let permits = [pool.acquire().unwrap(), pool.acquire().unwrap()];
    assert!(pool.try_acquire(SOON).unwrap().is_none());
    let other = hypha.semaphore("pool", 3).blocking().acquire();
    assert!(matches!(other, Err(ProposeError::Refused(_))));
    let [one, _] = permits;
    one.wait_release().unwrap();
    assert!(pool.try_acquire(SOON).unwrap().is_some());
    hypha.wait_shutdown().unwrap();
}

#[test]
fn what_is_held_is_lost_when_the_node_stops() {
    let hypha = builder().start().unwrap();
    let guard = hypha.lock("stock").blocking().acquire().unwrap();
    let lost = std::thread::Builder::new().spawn(move || {
        guard.wait_lost();
        guard.is_held()
    });
    hypha.wait_shutdown().unwrap();
    assert!(!lost.unwrap().join().unwrap());
}

#[test]
fn a_place_in_the_queue_goes_with_whoever_waits() {
    let hypha = builder().start().unwrap();
    let lock = hypha.lock("stock");
    let guard = lock.blocking().acquire().unwrap();
    for _ in 0..20 {
        let waiting = lock.acquire();
        let once = futures_lite::future::poll_once(waiting);
        assert!(futures_lite::future::block_on(once).is_none());
    }
    guard.wait_release().unwrap();
    // Whoever gave up must not be granted it.
    lock.blocking().acquire().unwrap();
    hypha.wait_shutdown().unwrap();
}

#[test]
fn services_are_there_as_long_as_their_registration() {
    let hypha = builder().start().unwrap();
    let services = hypha.services().blocking();
    let mut watch = services.watch("mail").unwrap();
    assert!(watch.wait_next().unwrap().is_empty());
    let spec = ServiceSpec::new("mail").address("10.0.0.1:25".parse().unwrap()).metadata("zone", "a");
    let mut one = services.register(spec.clone()).unwrap();
    let other = services.register(spec.instance("other").health(Health::Critical)).unwrap();
    assert_ne!(one.service().instance, other.service().instance);
    one.wait_set_health(Health::Warning).unwrap();
    let found = services.discover("mail").unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().any(|service| service.health == Health::Warning && service.metadata["zone"] == "a"));
    one.wait_deregister().unwrap();
    drop(other);
    wait("the end of the other", || services.discover("mail").unwrap().is_empty());
    let again = services.register(ServiceSpec::new("mail").instance("again")).unwrap();
    assert_eq!(watch.wait_next().unwrap()[0].instance, "again");
    drop(again);
    assert!(watch.wait_next().unwrap().is_empty());
    hypha.wait_shutdown().unwrap();
}

#[test]
fn a_cluster_needs_a_name_and_a_secret() {
    let nameless = builder().secret("long enough to be one").start();
    assert!(nameless.is_err_and(|error| error.to_string().contains("no name")));
    let open = builder().cluster("orders").gossip_port(0).link_port(0).start();
    assert!(open.is_err_and(|error| error.to_string().contains("key cannot be used")));
}

#[test]
fn after_its_end_a_node_answers_that_nothing_has_changed() {
    let hypha = builder().start().unwrap();
    let septum = hypha.septum::<i64>("0").blocking();
    let (election, mut members) =
        (hypha.election("jobs").blocking(), hypha.members().blocking().watch().unwrap());
    hypha.wait_shutdown().unwrap();
    assert!(matches!(septum.set("a", &1), Err(CallError::Failed(_))));
    assert!(matches!(election.campaign(), Err(ProposeError::Stopping)));
    assert!(members.wait_next().is_err());
}

//! Topics by clients.

use mycorrhizal::{BlockingClient, Message, Messages, Raw, TopicError};
use mycorrhizal_tests::cluster::Cluster;
use mycorrhizal_tests::server::{Daemon, Server as _};

use super::{address, client_of};
use crate::nodes::wait;

fn heard<T: mycorrhizal::Payload>(messages: &mut Messages<T>) -> T {
    messages.wait_next().unwrap().unwrap().message
}

#[test]
fn what_one_publishes_all_hear_in_order() {
    let cluster = Cluster::start(2);
    let [one, other] =
        [0, 1].map(|node| BlockingClient::connect([address(cluster.nodes[node].port())]).unwrap());
    let (numbers, others) = (one.topic::<u32>("numbers"), other.topic::<u32>("numbers"));
    let mut here = numbers.subscribe().unwrap();
    let mut there = others.subscribe().unwrap();
    let mut all = other.topic::<u32>("num*").subscribe_matching().unwrap();
    for number in 0..300 {
        assert_eq!(if number % 2 == 0 { &numbers } else { &others }.publish(&number), Ok(3));
    }
    let said = cluster.nodes[1].connect().say("PUBLISH numbers 300");
    assert_eq!(said.as_integer(), 3, "a Redis client is as good");
    for subscription in [&mut here, &mut there, &mut all] {
        (0..=300).for_each(|number| assert_eq!(heard(subscription), number));
    }
    drop(all);
    wait("the end of a subscription", || numbers.publish(&0) == Ok(2));
    drop((here, there));
    wait("the end of all", || others.publish(&0) == Ok(0));
}

#[test]
fn without_core_ports_and_with_a_password() {
    let daemon = mycorrhizal_tests::server::DaemonOptions::new()
        .with("--core-ports", "off")
        .with("--requirepass", "sesame")
        .start();
    let client = mycorrhizal::Client::builder().password("sesame");
    smol::block_on(async {
        let client = client.connect([address(daemon.port())]).await.unwrap();
        let news = client.topic::<Raw>("news");
        let mut messages = news.subscribe().await.unwrap();
        assert_eq!(news.publish(&Raw::from("1")).await, Ok(1));
        let message = Message { topic: "news".to_owned(), message: Raw::from("1") };
        assert_eq!(messages.next().await, Some(Ok(message)));
    });
}

#[test]
fn a_subscription_outlives_its_node_and_tells_of_the_gap() {
    let mut cluster = Cluster::start(3);
    let client = client_of(&cluster);
    let mut messages = client.topic::<u32>("numbers").subscribe().unwrap();
    assert_eq!(cluster.nodes[0].connect().say("PUBLISH numbers 1").as_integer(), 1);
    assert_eq!(heard(&mut messages), 1);
    let holds = |node: &Daemon| node.connect().say("CLIENT LIST TYPE pubsub").as_text().contains("sub=1");
    let at = cluster.nodes.iter().position(holds).expect("one of the nodes has the subscriber");
    let mut node = cluster.nodes.remove(at);
    node.process().signal("KILL");
    node.process().wait();
    let mut publisher = cluster.nodes[0].connect();
    let (mut last, mut received) = (1, Vec::new());
    wait("a message after the gap", || {
        last += 1;
        publisher.say(&format!("PUBLISH numbers {last}")).as_integer() > 0
    });
    for number in last + 1..last + 100 {
        assert_eq!(publisher.say(&format!("PUBLISH numbers {number}")).as_integer(), 1);
    }
    assert_eq!(messages.wait_next(), Some(Err(TopicError::Interrupted)));
    while received.len() < 100 {
        received.push(heard(&mut messages));
    }
    assert_eq!(received, (last..last + 100).collect::<Vec<_>>());
}

#[test]
fn a_subscriber_that_does_not_keep_up_is_told_so() {
    let daemon = Daemon::on_cores("0");
    let topic = BlockingClient::connect([address(daemon.port())]).unwrap().topic::<u32>("flood");
    let mut messages = topic.subscribe().unwrap();
    let published = (0..).take_while(|number| topic.publish(number) == Ok(1)).count();
    let taken = std::iter::from_fn(|| messages.wait_next()).take_while(Result::is_ok).count();
    assert!(taken > 1000 && taken <= published, "{taken} of {published}");
    assert_eq!(messages.wait_next(), None, "it has ended");
}

//! Messages for all who subscribe.

use mycorrhizal::{Message, Messages, Raw, Topic, TopicError};

use crate::nodes::{Nodes, builder, wait};

fn heard<T: mycorrhizal::Payload>(messages: &mut Messages<T>) -> T {
    messages.wait_next().unwrap().unwrap().message
}

#[test]
fn what_one_node_publishes_every_node_hears_in_order() {
    let nodes = Nodes::start(3);
    let topics: [Topic<u32>; 3] = [0, 1, 2].map(|number| nodes.node(number).topic("numbers"));
    let mut subscriptions = topics.each_ref().map(|topic| topic.blocking().subscribe().unwrap());
    let mut all = nodes.node(1).topic::<u32>("num*").blocking().subscribe_matching().unwrap();
    for number in 0..300 {
        assert_eq!(topics[0].blocking().publish(&number), Ok(4));
    }
    for subscription in subscriptions.iter_mut().chain([&mut all]) {
        for number in 0..300 {
            assert_eq!(heard(subscription), number);
        }
    }
    drop(all);
    wait("the end of a subscription", || topics[2].blocking().publish(&0) == Ok(3));
    drop(subscriptions);
    wait("the end of all", || topics[2].blocking().publish(&0) == Ok(0));
}

#[test]
fn what_is_no_value_is_told_and_the_next_one_may_be() {
    let hypha = builder().cores(1).start().unwrap();
    let (numbers, bytes) = (hypha.topic::<u32>("news"), hypha.topic::<Raw>("news"));
    let mut messages = numbers.blocking().subscribe().unwrap();
    bytes.blocking().publish(&Raw::from("no number")).unwrap();
    bytes.blocking().publish(&Raw::from("7")).unwrap();
    assert!(matches!(messages.wait_next(), Some(Err(TopicError::Payload(_)))));
    assert_eq!(messages.wait_next(), Some(Ok(Message { topic: "news".to_owned(), message: 7 })));
    hypha.wait_shutdown().unwrap();
    assert_eq!(messages.wait_next(), None);
}

#[test]
fn a_subscriber_that_does_not_keep_up_is_told_so() {
    let hypha = builder().start().unwrap();
    let topic = hypha.topic::<u32>("flood");
    let mut messages = topic.blocking().subscribe().unwrap();
    let published = (0..).take_while(|number| topic.blocking().publish(number) == Ok(1)).count();
    let taken = std::iter::from_fn(|| messages.wait_next()).take_while(Result::is_ok).count();
    assert!(taken > 1000 && taken <= published, "{taken} of {published}");
    assert_eq!(messages.wait_next(), None, "it has ended");
    assert_eq!(topic.blocking().publish(&0), Ok(0));
    hypha.wait_shutdown().unwrap();
}

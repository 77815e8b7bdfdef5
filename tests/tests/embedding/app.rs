//! Messages between the nodes of an application.

use std::time::Duration;

use futures_lite::future::{block_on, or, poll_once};
use mycorrhizal::{App, Hypha, ListenError, MessageError, Raw};

use crate::nodes::{Nodes, SOON, builder, wait};

const PATIENT: Duration = Duration::from_secs(30);

/// Answers whatever comes with twice as much, as long as the node lives.
fn double(app: &App<u64>) -> std::thread::JoinHandle<()> {
    let inbox = app.blocking().listen().unwrap();
    let answer = move || {
        while let Some(incoming) = inbox.wait_next() {
            let answer = incoming.message() * 2;
            incoming.answer(&answer).unwrap();
        }
    };
    std::thread::Builder::new().name("doubler".to_owned()).spawn(answer).unwrap()
}

#[test]
fn a_request_is_answered_by_the_node_that_was_asked() {
    let mut nodes = Nodes::start(3);
    let threads: Vec<_> = (0..3).map(|number| double(&nodes.node(number).app("doubler"))).collect();
    let doubler = nodes.node(0).app::<u64>("doubler");
    for number in 0..3 {
        let node = nodes.node(number).id();
        for message in 0..50 {
            assert_eq!(doubler.blocking().request::<u64>(&message, node, PATIENT), Ok(message * 2));
        }
    }
    wait("all that listen", || doubler.nodes().len() == 3);
    let gone = nodes.node(2).id();
    nodes.end(2);
    wait("its end", || doubler.nodes().len() == 2);
    let failed = doubler.blocking().request::<u64>(&1, gone, PATIENT);
    assert!(matches!(failed, Err(MessageError::Failed(_) | MessageError::Unknown(_))), "{failed:?}");
    drop(nodes);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn messages_arrive_in_order_and_a_slow_receiver_slows_the_sender() {
    let nodes = Nodes::start(2);
    let (sender, receiver) = (nodes.node(0).app::<u32>("log"), nodes.node(1).app::<u32>("log"));
    let (inbox, to) = (receiver.blocking().listen().unwrap(), [nodes.node(1).id()]);
    let messages: Vec<u32> = (0..2000).collect();
    let mut sends: Vec<_> = messages.iter().map(|number| Box::pin(sender.send(number, &to))).collect();
    let poll_all = |sends: &mut Vec<_>| {
        sends.retain_mut(|send| {
            block_on(poll_once(send)).is_none_or(|sent: mycorrhizal::Sent| {
                assert_eq!(sent[0].1, Ok(()));
                false
            })
        });
        sends.len()
    };
    assert_eq!(poll_all(&mut sends), 2000, "nobody has taken any");
    for expected in 0..2000 {
        assert_eq!(inbox.wait_next().unwrap().message(), &expected);
        poll_all(&mut sends);
    }
    wait("the receipts", || poll_all(&mut sends) == 0);
}

#[test]
fn what_becomes_of_a_message_is_told() {
    let nodes = Nodes::start(2);
    let (here, there) = (nodes.node(0).app::<u64>("shop"), nodes.node(1).app::<u64>("shop"));
    let node = nodes.node(1).id();
    let ask = || here.blocking().request::<u64>(&7, node, PATIENT);
    let refused = |asked: Result<u64, MessageError>| match asked {
        Err(MessageError::Failed(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert!(refused(ask()).contains("no application 'shop' listens"));
    let inbox = there.blocking().listen().unwrap();
    assert_eq!(there.blocking().listen().err(), Some(ListenError::Taken("shop".to_owned())));
    std::thread::scope(|scope| {
        scope.spawn(|| inbox.wait_next().unwrap().refuse("closed on Sundays"));
        assert_eq!(refused(ask()), "closed on Sundays");
        scope.spawn(|| drop(inbox.wait_next()));
        assert!(matches!(ask(), Err(MessageError::Unknown(_))));
        // Nobody takes it in time: that is refused when somebody looks, and unknown to the sender, for it was sent.
        let late = here.blocking().request::<u64>(&8, node, SOON);
        assert!(matches!(late, Err(MessageError::Unknown(_))), "{late:?}");
        scope.spawn(|| inbox.wait_next().unwrap().answer(&9_u64).unwrap());
        assert_eq!(ask(), Ok(9));
        // What is no number never reaches the handler.
        let texts = nodes.node(0).app::<String>("shop").blocking();
        scope.spawn(|| inbox.wait_next().unwrap().answer(&1_u64).unwrap());
        assert!(refused(texts.request(&"seven".to_owned(), node, PATIENT)).contains("are no u64"));
        assert_eq!(ask(), Ok(1));
    });
    drop(inbox);
    wait("its end", || here.nodes().is_empty());
    there.blocking().listen().unwrap();
}

#[test]
fn a_broadcast_goes_to_the_others_that_listen() {
    let nodes = Nodes::start(3);
    let [one, two, three] = [0, 1, 2].map(|number| nodes.node(number).app::<Raw>("news"));
    let inboxes = [&one, &two].map(|app| app.blocking().listen().unwrap());
    wait("both that listen", || three.nodes().len() == 2 && one.nodes().len() == 2);
    let taking = |inbox: &mycorrhizal::Inbox<Raw>| inbox.wait_next().unwrap().message().clone();
    std::thread::scope(|scope| {
        let taken = inboxes.each_ref().map(|inbox| scope.spawn(|| taking(inbox)));
        assert_eq!(three.blocking().broadcast(&Raw::from("extra")).len(), 2);
        taken.into_iter().for_each(|taken| assert_eq!(taken.join().unwrap(), Raw::from("extra")));
        let taken = scope.spawn(|| taking(&inboxes[1]));
        let sent = one.blocking().broadcast(&Raw::from("extra"));
        assert_eq!(sent, [(nodes.node(1).id(), Ok(()))], "not to itself");
        taken.join().unwrap();
    });
}

#[test]
fn a_node_alone_sends_to_itself() {
    let hypha: Hypha = builder().start().unwrap();
    let app = hypha.app::<u64>("solo");
    let inbox = app.blocking().listen().unwrap();
    app.blocking().declare(["count"]).unwrap();
    let serve = inbox.serve(async |incoming| {
        let next = incoming.message() + 1;
        incoming.answer(&next).unwrap();
    });
    let route = app.route::<u64>("count", &41, PATIENT);
    let counted = block_on(or(route, async {
        serve.await;
        panic!("the node stopped")
    }));
    assert_eq!(counted, Ok(42));
    let nobody = block_on(app.route::<u64>("divide", &1, PATIENT));
    assert!(matches!(nobody, Err(MessageError::Failed(_))), "{nobody:?}");
    hypha.wait_shutdown().unwrap();
}

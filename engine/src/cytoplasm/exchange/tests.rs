use std::time::Duration;

use proptest::prelude::*;

use super::*;

type Effects = Vec<Effect<u8, u32>>;

fn message(to: u8, body: &[u8], deadline: Option<Instant>) -> Dispatch<u8> {
    let application = "shop".to_owned();
    Dispatch { application, to, demand: Demand::Answer, body: body.to_vec(), deadline }
}

fn posted(out: &mut Effects) -> Vec<MessageId> {
    out.extract_if(.., |effect| matches!(effect, Effect::Post(..)))
        .map(|effect| match effect {
            Effect::Post(id, _) => id,
            Effect::Settle(..) => unreachable!("taken out by kind"),
        })
        .collect()
}

fn settled(out: &mut Effects) -> Vec<(u32, Outcome)> {
    out.extract_if(.., |effect| matches!(effect, Effect::Settle(..)))
        .map(|effect| match effect {
            Effect::Settle(reply, outcome) => (reply, outcome),
            Effect::Post(..) => unreachable!("taken out by kind"),
        })
        .collect()
}

#[test]
fn an_answer_settles_what_it_answers_and_nothing_twice() {
    let (mut exchange, mut out) = (Exchange::default(), Effects::new());
    exchange.dispatch(message(1, b"a", None), 7, &mut out);
    let [id] = posted(&mut out)[..] else { panic!("one message") };
    assert!(exchange.on_sent(id));
    exchange.on_answer(2, id, Answer::Done(b"of another peer".to_vec()), &mut out);
    assert!(out.is_empty());
    exchange.on_answer(1, id, Answer::Done(b"yes".to_vec()), &mut out);
    assert_eq!(settled(&mut out), [(7, Outcome::Ok(b"yes".to_vec()))]);
    exchange.on_answer(1, id, Answer::Unanswered, &mut out);
    exchange.on_link_end(1, &mut out);
    assert!(out.is_empty() && exchange.flows.is_empty() && exchange.pending.is_empty());
}

#[test]
fn what_was_sent_may_have_arrived_and_what_was_not_has_not() {
    let (mut exchange, mut out) = (Exchange::default(), Effects::new());
    let due = crate::clock::monotonic() + Duration::from_secs(1);
    for number in 0..4 {
        exchange.dispatch(message(1, b"x", (number > 1).then_some(due)), number, &mut out);
    }
    let ids = posted(&mut out);
    exchange.on_sent(ids[0]);
    exchange.on_sent(ids[2]);
    exchange.on_unsent(ids[1], &mut out);
    assert!(matches!(settled(&mut out)[..], [(1, Outcome::Failed(_))]));
    assert_eq!(exchange.next_deadline(), Some(due));
    exchange.on_deadline(due, &mut out);
    assert!(matches!(settled(&mut out)[..], [(2, Outcome::Unknown(_)), (3, Outcome::Failed(_))]));
    assert!(!exchange.on_sent(ids[3]), "its time was over: it is not to be sent any more");
    exchange.on_link_end(1, &mut out);
    assert!(matches!(settled(&mut out)[..], [(0, Outcome::Unknown(_))]));
    assert!(exchange.flows.is_empty() && exchange.next_deadline().is_none());
}

#[test]
fn a_message_that_is_too_large_is_refused() {
    let (mut exchange, mut out) = (Exchange::default(), Effects::new());
    exchange.dispatch(message(1, &vec![0; MESSAGE_BYTES_MAX + 1], None), 7, &mut out);
    assert!(matches!(settled(&mut out)[..], [(7, Outcome::Failed(_))]));
}

proptest! {
    /// Whatever is answered when: a flow keeps its order and its window, and everything is settled once.
    #[test]
    fn a_flow_keeps_order_and_window(
        sizes in prop::collection::vec(0_usize..WINDOW_BYTES / 3, 1..40),
        more in 0_usize..600,
        choices in prop::collection::vec(any::<prop::sample::Index>(), 700),
    ) {
        let (mut exchange, mut out) = (Exchange::default(), Effects::new());
        let total = sizes.len() + more;
        for (number, bytes) in sizes.iter().copied().chain(std::iter::repeat_n(1, more)).enumerate() {
            exchange.dispatch(message(1, &vec![0; bytes], None), u32::try_from(number).unwrap(), &mut out);
        }
        let (mut order, mut under_way, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for choice in choices {
            for id in posted(&mut out) {
                exchange.on_sent(id);
                order.push(id);
                under_way.push(id);
            }
            prop_assert!(under_way.len() <= WINDOW_MESSAGES);
            outcomes.extend(settled(&mut out));
            if under_way.is_empty() {
                break;
            }
            let id = under_way.swap_remove(choice.index(under_way.len()));
            exchange.on_answer(1, id, Answer::Done(Vec::new()), &mut out);
        }
        prop_assert!(order.is_sorted());
        outcomes.sort_unstable_by_key(|(reply, _)| *reply);
        let expected: Vec<_> =
            (0..u32::try_from(total).unwrap()).map(|number| (number, Outcome::Ok(Vec::new()))).collect();
        prop_assert_eq!(outcomes, expected);
        prop_assert!(exchange.flows.is_empty());
    }
}

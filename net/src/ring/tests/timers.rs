//! Sleeping.

use super::*;
use crate::ring::{RingConfig, clock};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

#[test]
fn sleepers_wake_in_order_of_their_deadlines() {
    let order = on_core(RingConfig::default(), |ring| async move {
        let order = Rc::new(RefCell::new(Vec::new()));
        let start = ring.now();
        for delay_ms in [30u64, 10, 20, 0, 10] {
            let (ring, order) = (ring.clone(), Rc::clone(&order));
            spawn(async move {
                ring.sleep_until(start + Duration::from_millis(delay_ms)).await;
                assert!(clock::read() >= start + Duration::from_millis(delay_ms), "never early");
                order.borrow_mut().push(delay_ms);
            });
        }
        ring.sleep_until(start + Duration::from_millis(40)).await;
        order.take()
    });
    assert_eq!(order, [0, 10, 10, 20, 30]);
}

#[test]
fn a_sleep_that_is_dropped_leaves_nothing() {
    on_core(RingConfig::default(), |ring| async move {
        let far = ring.now() + Duration::from_secs(3600);
        let mut sleep = Box::pin(ring.sleep_until(far));
        let near = ring.sleep_until(ring.now() + Duration::from_millis(1));
        // Polled once, so that it is in the queue.
        std::future::poll_fn(|context| {
            assert!(sleep.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(sleep);
        near.await;
        let sleeping = ring.core.deadlines.borrow().next();
        assert_eq!(sleeping, None);
    });
}

#[test]
fn signals_and_oneshots_hand_over_between_tasks() {
    let seen = on_core(RingConfig::default(), |ring| async move {
        let (ping, pong) = (ring.signal(), ring.signal());
        let (sender, receiver) = ring.oneshot();
        spawn({
            let (ping, pong) = (ping.clone(), pong.clone());
            async move {
                let mut count = 0;
                while count < 1000 {
                    ping.wait().await;
                    count += 1;
                    pong.set();
                }
                sender.send(count);
            }
        });
        for _ in 0..1000 {
            ping.set();
            pong.wait().await;
        }
        let (never, nothing) = ring.oneshot::<u8>();
        drop(never);
        (receiver.await, nothing.await, pong.take())
    });
    assert_eq!(seen, (Some(1000), None, false));
}

//! Sleeping through glommio, while it has work in flight.

use super::*;
use crate::ring::RingConfig;
use std::io::{Read, Write};
use std::time::Duration;

#[test]
fn glommio_timers_and_the_ring_wake_the_core_together() {
    let (echoed, ticks) = on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let work = ring.external_work();
        let ticks = std::rc::Rc::new(std::cell::Cell::new(0u32));
        spawn({
            let ticks = std::rc::Rc::clone(&ticks);
            async move {
                loop {
                    glommio::timer::sleep(Duration::from_millis(1)).await;
                    ticks.set(ticks.get() + 1);
                }
            }
        });
        let peer = client(address, |mut socket| {
            let mut echoed = Vec::new();
            for round in 0..200u8 {
                socket.write_all(&[round]).expect("sent");
                let mut byte = [0];
                socket.read_exact(&mut byte).expect("received");
                echoed.push(byte[0]);
            }
            echoed
        });
        let connection = listener.accept().await.expect("a client");
        echo(&connection).await.expect("no error");
        drop(connection);
        // The ring's own deadlines count here too, and so does a guard that is let go of meanwhile.
        ring.sleep_until(ring.now() + Duration::from_millis(20)).await;
        until_nothing_is_left(&ring).await;
        let seen = ticks.get();
        drop(work);
        ring.sleep_until(ring.now() + Duration::from_millis(5)).await;
        (peer.join().expect("no panic"), seen)
    });
    assert_eq!(echoed, (0..200).collect::<Vec<u8>>());
    assert!(ticks >= 5, "{ticks} ticks of a millisecond in more than 20 of them");
}

#[test]
fn what_a_task_of_glommio_appends_is_sent() {
    let received = on_core(RingConfig::default(), |ring| async move {
        let (listener, address) = listen(&ring);
        let peer = client(address, |mut socket| {
            let mut received = Vec::new();
            socket.read_to_end(&mut received).expect("closed in order");
            received
        });
        let connection = listener.accept().await.expect("a client");
        for letter in b'a'..=b'e' {
            let work = ring.external_work();
            // Not a wake-up that the ring sees.
            glommio::timer::sleep(Duration::from_millis(2)).await;
            connection.output().push(letter);
            drop(work);
            connection.drained(0).await.expect("sent");
        }
        drop(connection);
        until_nothing_is_left(&ring).await;
        peer.join().expect("no panic")
    });
    assert_eq!(received, b"abcde");
}

#[test]
fn other_threads_wake_a_core_that_sleeps_through_glommio() {
    on_core(RingConfig::default(), |ring| async move {
        let _work = ring.external_work();
        for _ in 0..20 {
            let wakes = ring.stats().wakes;
            let waker = ring.waker();
            let waking = thread(move || {
                // Until the core announces its sleep there is nothing to wake.
                while !waker.0.parked.claim() {
                    std::thread::yield_now();
                }
                waker.0.signal();
            });
            // Far away: only the signal ends this sleep in time, and the turn that it brings looks again.
            let far = ring.now() + Duration::from_millis(50);
            while ring.stats().wakes == wakes {
                ring.sleep_until(far).await;
            }
            waking.join().expect("no panic");
        }
    });
}

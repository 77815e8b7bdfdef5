//! The same calls under every executor.

use mycorrhizal::{Hypha, ProposeError};

use crate::nodes::builder;

async fn use_it(hypha: &Hypha) {
    hypha.ready().await.unwrap();
    let numbers = hypha.septum::<i64>("0");
    numbers.clear().await.unwrap();
    let jobs = hypha.lock("stock");
    for round in 1..=20 {
        let guard = jobs.acquire().await.unwrap();
        assert_eq!(numbers.increment("rounds", 1).await.unwrap(), round);
        guard.release().await.unwrap();
    }
    let timed_out = {
        let _guard = jobs.acquire().await.unwrap();
        jobs.try_acquire(std::time::Duration::from_millis(20)).await
    };
    assert!(matches!(timed_out, Ok::<_, ProposeError>(None)));
}

#[test]
fn under_tokio() {
    for mut runtime in
        [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()]
    {
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            let hypha = builder().start().unwrap();
            let many: Vec<_> = (0..100)
                .map(|number: i64| {
                    let numbers = hypha.septum::<i64>("0");
                    tokio::spawn(async move { numbers.set(format!("key:{number}"), &number).await })
                })
                .collect();
            for one in many {
                one.await.unwrap().unwrap();
            }
            assert_eq!(hypha.septum::<i64>("0").len().await.unwrap(), 100);
            use_it(&hypha).await;
            hypha.shutdown().await.unwrap();
        });
    }
}

#[test]
fn under_smol() {
    smol::block_on(async {
        let hypha = builder().start().unwrap();
        let numbers = hypha.septum::<i64>("0");
        smol::spawn(async move { numbers.set("a", &1).await.unwrap() }).await;
        use_it(&hypha).await;
        hypha.shutdown().await.unwrap();
    });
}

#[test]
fn on_plain_threads() {
    let hypha = builder().start().unwrap();
    hypha.wait_ready().unwrap();
    let numbers = hypha.septum::<i64>("0").blocking();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).for_each(|_| assert!(numbers.increment("sum", 1).unwrap() > 0)));
        }
    });
    assert_eq!(numbers.get("sum").unwrap(), Some(400));
    hypha.wait_shutdown().unwrap();
}

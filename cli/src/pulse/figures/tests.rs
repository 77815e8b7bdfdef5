//! INFO of a node with cores, of Redis, and of nobody.

use std::time::Duration;

use super::*;

const NODE: &str = "# Server\r\nredis_version:7.2.0\r\nmycorrhizal_version:0.1.0\r\nprocess_id:42\r\nuptime_in_seconds:90\r\n\
    # Memory\r\nused_memory:3000\r\nused_memory_rss:9000\r\nmaxmemory:4096\r\n\
    # Stats\r\ninstantaneous_ops_per_sec:30\r\nkeyspace_hits:7\r\nkeyspace_misses:3\r\ntotal_commands_processed:100\r\n\
    # Clients\r\nconnected_clients:5\r\n# CPU\r\nused_cpu_sys:1.0\r\nused_cpu_user:0.5\r\n\
    # Cores\r\ncore0:ops_per_sec=10,hits=1,misses=1,connections=2,used_memory=1000,p99_us=80,cpu_us=500000\r\n\
    core1:ops_per_sec=20,hits=6,misses=2,connections=3,used_memory=2000,p99_us=120,cpu_us=900000\r\n\
    # Keyspace\r\ndb0:keys=11,expires=0,avg_ttl=0\r\ndb3:keys=4,expires=1,avg_ttl=9\r\n";

#[test]
fn a_node_tells_of_its_cores() {
    let figures = Figures::parse(NODE);
    assert_eq!(figures.server, "mycorrhizal 0.1.0");
    assert_eq!((figures.pid, figures.uptime_s, figures.keys, figures.maxmemory), (Some(42), 90, 15, 4096));
    assert_eq!(figures.total.p99_us, Some(120.0));
    assert_eq!(figures.total.cpu_us, Some(1_500_000));
    let expected = Load {
        ops_per_sec: 20,
        hits: 6,
        misses: 2,
        connections: 3,
        used_memory: 2000,
        p99_us: Some(120.0),
        cpu_us: Some(900_000),
    };
    assert_eq!(figures.cores[1..], [expected]);
}

#[test]
fn another_server_gives_its_totals() {
    let figures = Figures::parse(
        "redis_version:7.0.15\r\nconnected_clients:1\r\ncmdstat_get:calls=9,usec=1\r\ncmdstat_info:calls=99,usec=1\r\n\
         cmdstat_set:calls=3,usec=1\r\nlatency_percentiles_usec_get:p50=1.003,p99=2.007,p99.9=3\r\n",
    );
    assert_eq!((figures.server.as_str(), figures.cores.len()), ("redis 7.0.15", 0));
    assert_eq!((figures.total.connections, figures.total.p99_us), (1, Some(2.007)));
}

#[test]
fn nonsense_gives_zeros() {
    for text in [
        "",
        "core0",
        "core0:",
        "core0:hits=x,=,",
        "db0:keys=-1\r\nused_cpu_sys:NaN\r\nused_cpu_user:1",
        "\0:\0",
    ] {
        let figures = Figures::parse(text);
        assert_eq!(
            (figures.server.as_str(), figures.keys, figures.total.hits),
            ("unknown server", 0, 0),
            "{text:?}"
        );
    }
}

#[test]
fn two_looks_make_rates() {
    let earlier = Figures::parse(NODE);
    let mut later = earlier.clone();
    later.cores[0].hits += 3;
    later.cores[0].misses += 1;
    later.cores[0].cpu_us = Some(1_000_000);
    later.total.hits = 2;
    let first = earlier.clone().since(None);
    assert_eq!(first.cores[1], Rates { hit_rate: Some(0.75), cpu: None });
    let look = later.since(Some((&earlier, Duration::from_secs(2))));
    assert_eq!(look.cores[0], Rates { hit_rate: Some(0.75), cpu: Some(0.25) });
    assert_eq!(look.cores[1], Rates { hit_rate: None, cpu: Some(0.0) });
    assert_eq!(look.total.hit_rate, Some(1.0), "counters that ran backwards count from zero");
    let json = look.json();
    assert_eq!((json["cores"][0]["core"].as_u64(), json["cores"][0]["cpu"].as_f64()), (Some(0), Some(0.25)));
}

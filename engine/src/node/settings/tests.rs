//! What CONFIG SET accepts, and what it says to the rest.

use super::*;

fn set(name: &str, value: &str) -> Result<String, String> {
    let changed = Settings::default().with([(name.as_bytes(), value.as_bytes())]);
    let changed = changed.map_err(|error| error.to_string())?;
    let parameter = Parameter::named(name.as_bytes()).unwrap();
    Ok(String::from_utf8((parameter.get)(&changed)).unwrap())
}

#[test]
fn sizes_are_read_as_redis_reads_them() {
    let table = [
        ("0", Some(0)),
        ("12b", Some(12)),
        ("1k", Some(1000)),
        ("1KB", Some(1024)),
        ("100mb", Some(100 << 20)),
        ("2m", Some(2_000_000)),
        ("1Gb", Some(1 << 30)),
        ("3g", Some(3_000_000_000)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("99999999999gb", None),
        ("", None),
        ("kb", None),
        ("-1", None),
        ("+1", None),
        ("1.5gb", None),
        ("1 gb", None),
        ("1tb", None),
    ];
    for (text, bytes) in table {
        assert_eq!(read::memory(text.as_bytes()), bytes, "{text}");
    }
}

#[test]
fn values_come_back_as_redis_writes_them() {
    let table = [
        ("maxmemory", "1kb", "1024"),
        ("MaxMemory", "0", "0"),
        ("maxmemory-policy", "NoEviction", "noeviction"),
        ("timeout", "7", "7"),
        ("latency-tracking", "NO", "no"),
        ("latency-tracking-info-percentiles", "50 99.99 100", "50 99.99 100"),
        ("latency-tracking-info-percentiles", "", ""),
        (
            "client-output-buffer-limit",
            "normal 1mb 2kb 3 replica 0 0 0",
            "normal 1048576 2048 3 slave 0 0 0 pubsub 33554432 8388608 60",
        ),
        ("slowlog-log-slower-than", "-1", "-1"),
        ("requirepass", "sesame", "sesame"),
        ("save", "", ""),
        ("appendonly", "no", "no"),
    ];
    for (name, value, shown) in table {
        assert_eq!(set(name, value).as_deref(), Ok(shown), "{name} {value}");
    }
}

#[test]
fn refusals_have_the_texts_of_redis() {
    let table = [
        ("maxmemory", "x", "argument must be a memory value"),
        ("timeout", "-1", "argument must be between 0 and 2147483647 inclusive"),
        ("timeout", "x", "argument couldn't be parsed into an integer"),
        ("maxclients", "0", "argument must be between 1 and 4294967295 inclusive"),
        ("slowlog-log-slower-than", "-5", "argument must be between -1 and 9223372036854775807 inclusive"),
        ("slowlog-max-len", "1.5", "argument couldn't be parsed into an integer"),
        (
            "client-query-buffer-limit",
            "1",
            "argument must be between 1048576 and 9223372036854775807 inclusive",
        ),
        ("latency-tracking", "maybe", "argument must be 'yes' or 'no'"),
        (
            "latency-tracking-info-percentiles",
            "101",
            "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
        ),
        (
            "client-output-buffer-limit",
            "normal 1 2",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal x 2 3",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "foo 1 2 3",
            "Invalid client class specified in buffer limit configuration.",
        ),
        ("databases", "4", "can't set immutable config"),
        ("maxmemory-policy", "allkeys-lru", "this version evicts nothing: the one policy is noeviction"),
    ];
    for (name, value, reason) in table {
        let text = format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}");
        assert_eq!(set(name, value), Err(text));
    }
    assert_eq!(
        set("nonsense", "1"),
        Err("Unknown option or number of arguments for CONFIG SET - 'nonsense'".to_owned())
    );
}

#[test]
fn all_changes_or_none() {
    let settings = Settings::default();
    let changes: [(&[u8], &[u8]); 2] = [(b"timeout", b"5"), (b"maxclients", b"9")];
    let changed = settings.with(changes).unwrap();
    assert_eq!((changed.timeout, changed.maxclients, changed.version), (5, 9, 1));
    let twice: [(&[u8], &[u8]); 2] = [(b"timeout", b"5"), (b"TIMEOUT", b"9")];
    let error = settings.with(twice).err().unwrap();
    assert!(error.to_string().ends_with("'timeout') - duplicate parameter"));
}

#[test]
fn parameters_stand_in_order_and_give_back_what_they_were_given() {
    assert!(PARAMETERS.is_sorted_by(|a, b| a.name < b.name));
    for parameter in PARAMETERS {
        let Some(set) = parameter.set else { continue };
        let mut settings = Settings::default();
        let shown = (parameter.get)(&settings);
        assert_eq!(set(&mut settings, &shown), Ok(()), "{}", parameter.name);
        assert_eq!((parameter.get)(&settings), shown, "{}", parameter.name);
    }
}

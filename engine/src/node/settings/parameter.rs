//! The table of parameters: name, how to read one, how to change it.

use super::read::{self, ClientClass};
use super::{MIB, OutputLimit, SettingError, Settings};

/// One parameter of CONFIG GET and CONFIG SET. *Node*.
pub(crate) struct Parameter {
    /// Its name, as Redis has it.
    pub(crate) name: &'static str,
    /// Its value in the form of CONFIG GET.
    pub(crate) get: fn(&Settings) -> Vec<u8>,
    /// Puts a value in its place, or says what is wrong with it; `None`: fixed while the node runs.
    pub(crate) set: Option<Set>,
    /// How a TOML file writes it.
    pub(crate) form: Form,
}

type Set = fn(&mut Settings, &[u8]) -> Result<(), String>;

/// How a TOML file writes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a number.
    Number,
    /// As `true` or `false`.
    Switch,
    /// As a string.
    Text,
    /// Not at all: it has one value only.
    Absent,
}

impl Parameter {
    /// The parameter of that name, in any case of letters.
    pub(crate) fn named(name: &[u8]) -> Option<&'static Self> {
        PARAMETERS.iter().find(|parameter| parameter.name.as_bytes().eq_ignore_ascii_case(name))
    }

    pub(super) fn refused(&self, reason: &str) -> SettingError {
        SettingError::Refused { name: self.name, reason: reason.to_owned() }
    }

    const fn number(name: &'static str, get: fn(&Settings) -> Vec<u8>, set: Set) -> Self {
        Self { name, get, set: Some(set), form: Form::Number }
    }

    const fn text(name: &'static str, get: fn(&Settings) -> Vec<u8>, set: Set) -> Self {
        Self { name, get, set: Some(set), form: Form::Text }
    }

    const fn fixed(name: &'static str, get: fn(&Settings) -> Vec<u8>) -> Self {
        Self { name, get, set: None, form: Form::Absent }
    }

    /// Something that this server does in one way only: setting it to that is no error.
    const fn only(name: &'static str, get: fn(&Settings) -> Vec<u8>, set: Set) -> Self {
        Self { name, get, set: Some(set), form: Form::Absent }
    }
}

const INT_MAX: u64 = 2_147_483_647;
const LONG_MAX: u64 = 9_223_372_036_854_775_807;

/// All parameters, by name.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::only("appendonly", |_| b"no".to_vec(), set_appendonly),
    Parameter::fixed("bind", bind),
    Parameter::text("client-output-buffer-limit", output_limits, set_output_limits),
    Parameter::number(
        "client-query-buffer-limit",
        |settings| decimal(settings.client_query_buffer_limit),
        |settings, text| {
            read::memory_in(text, &(MIB..=LONG_MAX)).map(|bytes| settings.client_query_buffer_limit = bytes)
        },
    ),
    Parameter::fixed("databases", |settings| decimal(settings.databases)),
    Parameter::fixed("dir", |settings| settings.dir.as_os_str().as_encoded_bytes().to_vec()),
    Parameter::number(
        "latency-monitor-threshold",
        |settings| decimal(settings.latency_monitor_threshold),
        |settings, text| {
            read::integer_in(text, &(0..=LONG_MAX)).map(|ms| settings.latency_monitor_threshold = ms)
        },
    ),
    Parameter {
        name: "latency-tracking",
        get: |settings| if settings.latency_tracking { b"yes".to_vec() } else { b"no".to_vec() },
        set: Some(|settings, text| read::yes_no(text).map(|on| settings.latency_tracking = on)),
        form: Form::Switch,
    },
    Parameter::text("latency-tracking-info-percentiles", percentiles, |settings, text| {
        read::percentiles(text).map(|percentiles| settings.latency_percentiles = percentiles)
    }),
    Parameter::fixed("loglevel", |_| log_level().to_vec()),
    Parameter::number(
        "maxclients",
        |settings| decimal(settings.maxclients),
        |settings, text| {
            read::integer_in(text, &(1..=u64::from(u32::MAX))).map(|count| settings.maxclients = count)
        },
    ),
    Parameter::number(
        "maxmemory",
        |settings| decimal(settings.maxmemory),
        |settings, text| read::memory_in(text, &(0..=u64::MAX)).map(|bytes| settings.maxmemory = bytes),
    ),
    Parameter::only("maxmemory-policy", |_| b"noeviction".to_vec(), set_maxmemory_policy),
    Parameter::fixed("port", |settings| decimal(settings.port)),
    Parameter::number(
        "proto-max-bulk-len",
        |settings| decimal(settings.proto_max_bulk_len),
        |settings, text| {
            // Requests are parsed in buffers with 32-bit offsets: half of that leaves room for what stands around.
            read::memory_in(text, &(MIB..=INT_MAX)).map(|bytes| settings.proto_max_bulk_len = bytes)
        },
    ),
    Parameter::text(
        "requirepass",
        |settings| settings.requirepass.clone(),
        |settings, text| {
            settings.requirepass = text.to_vec();
            Ok(())
        },
    ),
    Parameter::only("save", |_| Vec::new(), set_save),
    Parameter::number(
        "slowlog-log-slower-than",
        |settings| decimal(settings.slowlog_log_slower_than),
        |settings, text| {
            read::integer_in(text, &(-1..=i64::MAX)).map(|micros| settings.slowlog_log_slower_than = micros)
        },
    ),
    Parameter::number(
        "slowlog-max-len",
        |settings| decimal(settings.slowlog_max_len as u64),
        |settings, text| {
            let most = usize::try_from(LONG_MAX).unwrap_or(usize::MAX);
            read::integer_in(text, &(0..=most)).map(|count| settings.slowlog_max_len = count)
        },
    ),
    Parameter::fixed("tcp-backlog", |settings| decimal(settings.tcp_backlog)),
    Parameter::number(
        "tcp-keepalive",
        |settings| decimal(settings.tcp_keepalive),
        |settings, text| {
            read::integer_in(text, &(0..=INT_MAX)).map(|seconds| settings.tcp_keepalive = seconds)
        },
    ),
    Parameter::number(
        "timeout",
        |settings| decimal(settings.timeout),
        |settings, text| read::integer_in(text, &(0..=INT_MAX)).map(|seconds| settings.timeout = seconds),
    ),
];

fn decimal(number: impl Into<i128>) -> Vec<u8> {
    number.into().to_string().into_bytes()
}

fn bind(settings: &Settings) -> Vec<u8> {
    let addresses: Vec<String> = settings.bind.iter().map(ToString::to_string).collect();
    addresses.join(" ").into_bytes()
}

fn percentiles(settings: &Settings) -> Vec<u8> {
    let percentiles: Vec<String> = settings.latency_percentiles.iter().map(ToString::to_string).collect();
    percentiles.join(" ").into_bytes()
}

/// What the process logs at least, in Redis's words.
fn log_level() -> &'static [u8] {
    use tracing::level_filters::LevelFilter;
    match LevelFilter::current() {
        LevelFilter::TRACE | LevelFilter::DEBUG => b"debug",
        LevelFilter::INFO => b"notice",
        LevelFilter::WARN | LevelFilter::ERROR => b"warning",
        _ => b"nothing",
    }
}

fn output_limits(settings: &Settings) -> Vec<u8> {
    let line = |class, limit: OutputLimit| {
        format!("{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
    };
    let lines = [
        line("normal", settings.client_output_buffer_limit_normal),
        line("slave", settings.client_output_buffer_limit_replica),
        line("pubsub", settings.client_output_buffer_limit_pubsub),
    ];
    lines.join(" ").into_bytes()
}

fn set_output_limits(settings: &mut Settings, text: &[u8]) -> Result<(), String> {
    for (class, limit) in read::output_limits(text)? {
        match class {
            ClientClass::Normal => settings.client_output_buffer_limit_normal = limit,
            ClientClass::Replica => settings.client_output_buffer_limit_replica = limit,
            ClientClass::Pubsub => settings.client_output_buffer_limit_pubsub = limit,
        }
    }
    Ok(())
}

fn set_appendonly(_: &mut Settings, text: &[u8]) -> Result<(), String> {
    if read::yes_no(text)? { Err("this version keeps no append-only file".to_owned()) } else { Ok(()) }
}

fn set_save(_: &mut Settings, text: &[u8]) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { Err("this version saves no snapshots".to_owned()) }
}

const POLICIES: [&[u8]; 7] = [
    b"volatile-lru",
    b"volatile-lfu",
    b"volatile-random",
    b"volatile-ttl",
    b"allkeys-lru",
    b"allkeys-lfu",
    b"allkeys-random",
];

fn set_maxmemory_policy(_: &mut Settings, text: &[u8]) -> Result<(), String> {
    if text.eq_ignore_ascii_case(b"noeviction") {
        return Ok(());
    }
    if POLICIES.iter().any(|policy| text.eq_ignore_ascii_case(policy)) {
        return Err("this version evicts nothing: the one policy is noeviction".to_owned());
    }
    Err("argument(s) must be one of the following: noeviction".to_owned())
}

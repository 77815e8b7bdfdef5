//! Tables: what is written where, and what comes out.

use super::*;

/// Loads from a command line, variables and a file's text; the file is named by `--config`.
fn load(flags: &[&str], variables: &[(&str, &str)], file: Option<&str>) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut args: Vec<OsString> = vec!["mycorrhizald".into()];
    if let Some(text) = file {
        let path = directory.path().join("conf.toml");
        std::fs::write(&path, text).expect("the file is written");
        args.extend(["--config".into(), path.into()]);
    }
    args.extend(flags.iter().map(OsString::from));
    let look_up = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
    match Config::load(args, look_up)? {
        Request::Run(config) => Ok(*config),
        Request::Print(text) => panic!("printed instead: {text}"),
    }
}

fn value_of(config: &Config, key: &str) -> String {
    let row = config.rows().into_iter().find(|(name, _)| *name == key);
    row.unwrap_or_else(|| panic!("{key} is a row")).1
}

/// Loading must fail with a message that holds all of `parts`, on one line.
fn refused(flags: &[&str], variables: &[(&str, &str)], file: Option<&str>, parts: &[&str]) {
    let error = load(flags, variables, file).expect_err(&parts.join(" ")).to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn flag_wins_over_environment_over_file_over_default() {
    // key, default, in the file, in the environment, as a flag.
    let table = [
        ("bind", "127.0.0.1", "\"10.0.0.1\"", "10.0.0.2", "10.0.0.3"),
        ("port", "6379", "1", "2", "3"),
        ("core-ports", "auto", "7000", "off", "9000"),
        ("cores", "all", "\"0\"", "1", "0"),
        ("endpoints", "core", "\"node\"", "core", "node"),
        ("announce-address", "none", "\"10.0.0.1\"", "10.0.0.2", "::1"),
        ("maxclients", "10000", "1", "2", "3"),
        ("tcp-backlog", "511", "1", "2", "3"),
        ("timeout", "0", "1", "2", "3"),
        ("tcp-keepalive", "300", "1", "2", "3"),
        ("databases", "16", "1", "2", "3"),
        ("dir", "mycorrhizal-data", "\"a\"", "b", "c"),
        ("maxmemory", "0", "\"1gb\"", "2gb", "3gb"),
        ("log-level", "info", "\"warn\"", "error", "debug"),
        ("log-format", "text", "\"json\"", "text", "json"),
        ("ready-file", "none", "\"a\"", "b", "c"),
    ];
    for (key, default, in_file, in_environment, in_flag) in table {
        let variable = settings::variable(key);
        let file = format!("{key} = {in_file}");
        let flag = format!("--{key}={in_flag}");
        let variables = [(variable.as_str(), in_environment)];
        let check = |flags: &[&str], variables: &[(&str, &str)], file: Option<&str>, expect: &str| {
            let config = load(flags, variables, file).unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(value_of(&config, key), expect.trim_matches('"'), "{key}");
        };
        check(&[], &[], None, default);
        check(&[], &[], Some(&file), in_file);
        check(&[], &variables, Some(&file), in_environment);
        check(&[&flag], &variables, Some(&file), in_flag);
    }
}

#[test]
fn every_setting_is_a_row_and_is_in_the_help() {
    let Ok(Request::Print(help)) = Config::load(["mycorrhizald".into(), "--help".into()], |_| None) else {
        panic!("--help prints");
    };
    let rows: Vec<_> = Config::default().rows().into_iter().map(|(key, _)| key.to_owned()).collect();
    for key in settings::keys() {
        assert!(help.contains(&format!("--{key}")), "{key}");
        assert!(key == "config" || rows.contains(&key), "{key} is no row");
    }
    let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("[default: 6379] [env: MYCORRHIZAL_PORT]"), "{flat}");
    assert!(flat.contains("[default: 127.0.0.1]"), "{flat}");
}

#[test]
fn several_addresses_are_taken_from_anywhere() {
    let both = "127.0.0.1,::1";
    let check = |config: Result<Config, ConfigError>| assert_eq!(value_of(&config.unwrap(), "bind"), both);
    check(load(&["--bind", "127.0.0.1", "--bind", "::1"], &[], None));
    check(load(&["--bind", both], &[], None));
    check(load(&[], &[("MYCORRHIZAL_BIND", both)], None));
    check(load(&[], &[], Some("bind = ['127.0.0.1', '::1']")));
}

#[test]
fn the_file_may_be_named_by_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("conf.toml");
    std::fs::write(&path, "port = 7001\nmaxmemory = 1048576\ncores = 1 # one\n").unwrap();
    let look_up = |name: &str| (name == "MYCORRHIZAL_CONFIG").then(|| path.clone().into_os_string());
    let Ok(Request::Run(config)) = Config::load(["mycorrhizald".into()], look_up) else { panic!("loads") };
    assert_eq!((config.port, config.maxmemory), (7001, ByteSize(1 << 20)));
}

#[test]
fn an_empty_variable_is_an_absent_one() {
    let config = load(&[], &[("MYCORRHIZAL_REQUIREPASS", ""), ("MYCORRHIZAL_PORT", "")], None).unwrap();
    assert_eq!((config.requirepass, config.port), (None, 6379));
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    refused(
        &[],
        &[],
        Some("\nprot = 1"),
        &["conf.toml line 2", "unknown key `prot`", "did you mean `port`?"],
    );
    refused(&[], &[], Some("max_memory = 1"), &["unknown key `max_memory`", "`maxmemory`"]);
    refused(&[], &[], Some("port = 1\n\n[network]\nport = 2"), &["line 3", "unknown key `network`"]);
    refused(&[], &[], Some("config = 'x'"), &["unknown key `config`"]);
    let error = load(&[], &[], Some("zzzz = 1")).expect_err("unknown").to_string();
    assert!(!error.contains("did you mean"), "{error}");
    refused(&["--prot", "1"], &[], None, &["unexpected argument '--prot'", "--port"]);
    refused(&["stray"], &[], None, &["unexpected argument 'stray'"]);
}

#[test]
fn a_bad_value_is_refused_where_it_stands() {
    let table = [
        ("port", "\"x\"", "x"),
        ("port", "65536", "65536"),
        ("port", "-1", "-1"),
        ("core-ports", "\"on\"", "on"),
        ("cores", "\"many\"", "many"),
        ("bind", "\"nowhere\"", "nowhere"),
        ("endpoints", "\"both\"", "both"),
        ("announce-address", "\"host:1\"", "host:1"),
        ("maxmemory", "\"1tb\"", "1tb"),
        ("maxmemory", "1.5", "1.5"),
        ("maxclients", "0", "0"),
        ("tcp-backlog", "0", "0"),
        ("databases", "0", "0"),
        ("databases", "1025", "1025"),
        ("timeout", "\"soon\"", "soon"),
        ("log-level", "\"loud\"", "loud"),
        ("log-format", "\"xml\"", "xml"),
    ];
    for (key, in_file, value) in table {
        refused(&[], &[], Some(&format!("# here\n{key} = {in_file}")), &["conf.toml line 2", key]);
        refused(&[], &[(&settings::variable(key), value)], None, &[&settings::variable(key)]);
        refused(&[&format!("--{key}={value}")], &[], None, &[&format!("--{key}"), value]);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let binary = directory.path().join("binary");
    std::fs::write(&binary, [0xff, 0xfe]).unwrap();
    for path in [directory.path().join("absent.toml"), directory.path().to_owned(), binary] {
        let path = path.to_str().unwrap();
        refused(&["--config", path], &[], None, &["cannot read the configuration file", path]);
    }
    refused(&[], &[], Some("port 1"), &["conf.toml line 1"]);
    refused(&[], &[], Some("port = 1\nport = 2"), &["conf.toml line 2", "duplicate key"]);
    refused(&[], &[], Some("bind = []"), &["bind names no address"]);
}

#[test]
fn ports_that_collide_or_run_out_are_refused() {
    refused(&["--port", "7000", "--core-ports", "7000"], &[], None, &["core-ports", "7000"]);
    refused(&["--cores", "1000"], &[], None, &["cores", "1000"]);
    let check = |port, core_ports, cpus: &[usize]| {
        Config { port, core_ports, ..Config::default() }.check(cpus).err().map(|error| error.to_string())
    };
    let eight: Vec<usize> = (0..8).collect();
    assert_eq!(check(7008, CorePorts::From(7000), &eight), None);
    assert!(check(7007, CorePorts::From(7000), &eight).is_some_and(|error| error.contains("7007")));
    assert_eq!(check(1, CorePorts::From(65_528), &eight), None);
    assert!(check(1, CorePorts::From(65_529), &eight).is_some_and(|error| error.contains("beyond 65535")));
    let high = load(&["--port", "65535"], &[], None).unwrap();
    assert_eq!(high.core_ports.base(high.port), Some(64_535));
    let free = load(&["--port", "0"], &[], None).unwrap();
    assert_eq!(free.core_ports.base(free.port), Some(0));
    assert_eq!(CorePorts::Off.base(6379), None);
}

#[test]
fn the_file_may_hold_what_config_rewrite_writes() {
    let file = "port = 1\nslowlog-max-len = 7\nlatency-tracking = false\nproto-max-bulk-len = \"2mb\"\n";
    let config = load(&[], &[], Some(file)).unwrap();
    let expected = [("latency-tracking", "no"), ("proto-max-bulk-len", "2mb"), ("slowlog-max-len", "7")];
    let mut parameters = config.parameters.clone();
    parameters.sort_unstable();
    assert_eq!(parameters, expected.map(|(name, value)| (name, value.to_owned())));
    refused(&[], &[], Some("\nslowlog-max-len = -1"), &["line 2: slowlog-max-len: "]);
    refused(&[], &[], Some("slowlog-max-lem = 1"), &["did you mean `slowlog-max-len`?"]);
    refused(&[], &[], Some("slowlog-max-len = [1]"), &["found a array"]);
}

#[test]
fn secrets_are_never_printed() {
    let config = load(&[], &[("MYCORRHIZAL_REQUIREPASS", "hunter2")], None).unwrap();
    assert_eq!(config.requirepass.as_ref().map(Secret::reveal), Some("hunter2"));
    assert!(!format!("{config:?} {:?}", config.rows()).contains("hunter2"));
    let settings = Settings { requirepass: config.requirepass, ..Settings::default() };
    assert!(!format!("{settings:?}").contains("hunter2"));
    for file in ["requirepass = 123454321", "requirepass = [\"123454321\"]", "requirepass = 123454321x"] {
        let error = load(&[], &[], Some(file)).expect_err("no string");
        assert!(!format!("{error} {error:?}").contains("123454321"), "{error}");
    }
}

//! The command line of `pulse`.

mod cluster;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::cluster::{CertificateAction, ClusterAction, KeyAction, Limits, SendTo, SeptumAction};

use super::session::Target;

/// Talks to a Mycorrhizal node, or to anything else that speaks RESP.
///
/// Without a command: a prompt on a terminal; otherwise, commands are read from stdin, one per line.
///
/// Exit codes: 0 done, 1 the server answered with an error, 2 no connection or wrong usage.
#[derive(Parser)]
#[command(name = "pulse", version, disable_help_flag = true, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Action {
    /// Run one command of the server and print its reply
    #[command(override_usage = "pulse exec [OPTIONS] CMD [ARG]...")]
    Exec {
        /// The command and its arguments
        #[arg(value_name = "CMD ARG", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<std::ffi::OsString>,
    },
    /// Show what the node is and how it does, once
    Status,
    /// Watch the node's cores: operations, hits, connections, memory, latency (q quits)
    Top {
        /// Seconds between two looks
        #[arg(long, short = 'i', value_name = "SECONDS", default_value = "1", value_parser = seconds)]
        interval: Duration,
        /// Looks after which to end [default: none]
        #[arg(long, short = 'n', value_name = "N")]
        count: Option<u64>,
    },
    #[command(flatten)]
    Cluster(ClusterAction),
    /// Make certificates for mutual TLS between nodes (--link-tls-ca and its like)
    Certs {
        #[command(subcommand)]
        action: CertificateAction,
    },
}

/// Options of all commands.
#[derive(Args)]
pub(crate) struct Options {
    /// Host to connect to
    #[arg(short = 'h', long, value_name = "HOST", default_value = "127.0.0.1", global = true)]
    host: String,
    /// TCP port of the server
    #[arg(short = 'p', long, value_name = "PORT", default_value_t = 6379, global = true)]
    port: u16,
    /// User to authenticate as [default: the default user]
    #[arg(long, value_name = "NAME", global = true)]
    user: Option<String>,
    /// Password; PULSE_PASSWORD or REDISCLI_AUTH in the environment keep it from other users' eyes
    #[arg(
        short = 'a',
        long,
        value_name = "PASSWORD",
        env = "PULSE_PASSWORD",
        hide_env_values = true,
        global = true
    )]
    password: Option<String>,
    /// Numbered database
    #[arg(long, value_name = "N", default_value_t = 0, global = true)]
    db: u32,
    /// Stay with RESP2 instead of asking for RESP3
    #[arg(long, global = true)]
    resp2: bool,
    /// Seconds to wait for a connection and for each reply [default: 5 to connect, no limit to reply]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, global = true)]
    timeout: Option<Duration>,
    /// Print JSON, one value per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print replies as they are (the default if stdout is no terminal)
    #[arg(long, global = true, conflicts_with = "json")]
    pub(crate) raw: bool,
    /// Print replies for people even if stdout is no terminal
    #[arg(long, global = true, conflicts_with_all = ["json", "raw"])]
    pub(crate) no_raw: bool,
    /// File of the prompt's history, empty for none [default: ~/.pulse_history]
    #[arg(long, value_name = "FILE", env = "PULSE_HISTORY", global = true)]
    pub(crate) history: Option<PathBuf>,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help, global = true)]
    help: Option<bool>,
}

impl Options {
    /// Where to connect. `fallback_password` is used where none was given.
    pub(crate) fn target(&self, fallback_password: Option<String>) -> Target {
        Target {
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            password: self.password.clone().or(fallback_password).filter(|password| !password.is_empty()),
            db: self.db,
            resp2: self.resp2,
            timeout: self.timeout,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    let least = Duration::from_millis(10);
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration >= least => Ok(duration),
        _ => Err(format!("`{text}` is less than 0.01 seconds or more than can be waited")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("pulse").chain(args.iter().copied()))
    }

    #[test]
    fn the_declaration_holds_together() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_stand_before_and_after_the_command_and_arguments_are_left_alone() {
        let Ok(arguments) =
            parse(&["-h", "::1", "exec", "--json", "-p", "7", "set", "-k", "--json", "--help"])
        else {
            panic!("parses");
        };
        let target = arguments.options.target(None);
        assert_eq!((target.host.as_str(), target.port, arguments.options.json), ("::1", 7, true));
        let Some(Action::Exec { command }) = arguments.action else { panic!("exec") };
        assert_eq!(command, ["set", "-k", "--json", "--help"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for args in [
            &["exec"][..],
            &["--port", "x"],
            &["top", "--interval", "0"],
            &["--timeout", "-1"],
            &["--raw", "--json"],
            &["get", "x"],
        ] {
            assert_eq!(parse(args).err().map(|error| error.exit_code()), Some(2), "{args:?}");
        }
    }
}

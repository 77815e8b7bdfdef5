//! The part of the command line that is about a cluster, its keys, its certificates and its messages.

use std::path::PathBuf;

use clap::Subcommand;

use crate::config::ByteSize;

/// What to do about keys.
#[derive(Subcommand)]
pub(crate) enum KeyAction {
    /// Show which member has which keys, by their ids
    List,
    /// Replace the key of the cluster while it runs: install, use, remove, each on all members
    Rotate {
        /// File with the new key; made with a new key in it if it is not there
        #[arg(long, value_name = "PATH", default_value = "cluster.key.new")]
        new_key_file: PathBuf,
        /// End before the old keys are removed; run it again without this to remove them
        #[arg(long)]
        keep_old: bool,
    },
}

/// What to do about certificates for links.
#[derive(Subcommand)]
pub(crate) enum CertificateAction {
    /// Make an authority: DIR/ca.pem for all nodes, DIR/ca.key to be kept safe
    Ca {
        /// Directory to write to, made if it is not there
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Days for which the certificate holds
        #[arg(long, value_name = "DAYS", default_value_t = 3650)]
        days: u32,
    },
    /// Print the id of a node that does not run, and need never have been started
    Id {
        /// Its data directory, made if it is not there
        #[arg(value_name = "DATA-DIR")]
        directory: PathBuf,
        /// The cluster that it is to belong to
        #[arg(long, value_name = "NAME")]
        cluster: String,
    },
    /// Make a certificate for each node, signed by the authority in DIR
    Node {
        /// Ids of nodes, 40 hex digits each, as `pulse members --json` and `pulse certs id` tell them
        #[arg(value_name = "NODE-ID", required = true)]
        nodes: Vec<String>,
        /// Directory of the authority, and to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Days for which the certificates hold
        #[arg(long, value_name = "DAYS", default_value_t = 825)]
        days: u32,
    },
}

/// Limits of a septum.
#[derive(clap::Args)]
pub(crate) struct Limits {
    /// Milliseconds after which keys expire that are written without a time; 0 takes it away
    #[arg(long, value_name = "MS")]
    pub(crate) ttl: Option<u64>,
    /// Memory at most, over all nodes: 100mb, 2gb; 0 takes the limit away
    #[arg(long, value_name = "SIZE")]
    pub(crate) maxmemory: Option<ByteSize>,
    /// Keys at most, over all nodes; 0 takes the limit away
    #[arg(long, value_name = "N")]
    pub(crate) maxentries: Option<u64>,
}

/// What to do about septa.
#[derive(Subcommand)]
pub(crate) enum SeptumAction {
    /// List all septa with their limits and keys
    List,
    /// Show one septum
    Info {
        /// Its name
        name: String,
    },
    /// Create a septum
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// Change the limits of a septum; what is not named stays
    Alter {
        /// Its name
        name: String,
        #[command(flatten)]
        limits: Limits,
    },
    /// Remove a septum with all its keys
    Drop {
        /// Its name
        name: String,
    },
}

/// Whom a message is for.
#[derive(clap::Args)]
pub(crate) struct SendTo {
    /// A node, by its name, its id, or the beginning of its id
    #[arg(long, value_name = "NODE", conflicts_with = "capable")]
    pub(crate) to: Option<String>,
    /// Wait for the application's answer, and print it
    #[arg(long, requires = "to")]
    pub(crate) request: bool,
    /// Any node whose application is capable of this; waits for the answer
    #[arg(long, value_name = "CAPABILITY")]
    pub(crate) capable: Option<String>,
    /// How long to wait for an answer
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 5000)]
    pub(crate) answer_timeout: u64,
}

/// What to do in a cluster.
#[derive(Subcommand)]
pub(crate) enum ClusterAction {
    /// List the members of the cluster
    Members,
    /// Show who leads elections, and who has locks and semaphores
    Leaders {
        /// Only those of this name
        name: Option<String>,
    },
    /// Draw who owns which of the 1,024 partitions, and what moves
    Partitions {
        /// Draw again until nothing moves
        #[arg(long)]
        watch: bool,
    },
    /// Have the node make contact with others at their gossip addresses
    Join {
        /// Where they gossip
        #[arg(value_name = "HOST:PORT", required = true)]
        seeds: Vec<String>,
    },
    /// Move everything that a node owns to the others, and show how far that is
    Drain {
        /// Its name, its id, or the beginning of its id
        node: String,
        /// Let it own something again
        #[arg(long)]
        off: bool,
    },
    /// Show or replace the keys of the cluster
    Keys {
        #[command(subcommand)]
        action: KeyAction,
    },
    /// Show and change septa
    Septum {
        #[command(subcommand)]
        action: SeptumAction,
    },
    /// List the instances of services
    Services {
        /// Only those of this service
        name: Option<String>,
    },
    /// List the applications that listen, and what they are capable of
    Apps {
        /// Only this application
        name: Option<String>,
    },
    /// Send a message to an application: on every node where it listens, unless one is named
    Send {
        /// The application
        application: String,
        /// The message
        #[arg(allow_hyphen_values = true)]
        message: std::ffi::OsString,
        #[command(flatten)]
        to: SendTo,
    },
    /// Publish a message
    Publish {
        /// The channel
        channel: String,
        /// The message
        #[arg(allow_hyphen_values = true)]
        message: std::ffi::OsString,
    },
    /// Print messages as they come, until Ctrl-C
    Subscribe {
        /// Channels
        #[arg(required = true)]
        channels: Vec<String>,
        /// The channels are patterns: `news.*`
        #[arg(long)]
        pattern: bool,
        /// Messages after which to end [default: none]
        #[arg(long, short = 'n', value_name = "N")]
        count: Option<u64>,
    },
}

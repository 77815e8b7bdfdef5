//! The floor: what a command costs when there is no command, only the net crate.
//!
//! Parses requests and answers GET with a constant of 64 bytes, COMMAND and CONFIG with an empty array (so that
//! `redis-benchmark` starts), and anything else with `+OK`. One core, one task per connection.
//!
//! ```text
//! floor [--port 6379] [--core 0]
//! ```

use mimalloc::MiMalloc;
use mycorrhizal_net::executor::{self, Park, Turn};
use mycorrhizal_net::resp::{Args, Limits, Protocol, Reply, RequestParser, Span};
use mycorrhizal_net::ring::{Connection, Listener, Ring, RingConfig, check};
use mycorrhizal_net::socket::{BACKLOG, Sharing, listen_tcp};
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What GET answers.
const VALUE: [u8; 64] = [b'x'; 64];

struct Options {
    port: u16,
    core: usize,
}

fn main() -> ExitCode {
    match options().and_then(|options| serve(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options { port: 6379, core: 0 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} wants a value"))?;
        match word.as_str() {
            "--port" => options.port = value.parse()?,
            "--core" => options.core = value.parse()?,
            _ => return Err(format!("{word} is not a flag; --port and --core are").into()),
        }
    }
    Ok(options)
}

fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    check(1)?;
    let address = SocketAddr::from(([127, 0, 0, 1], options.port));
    let listener = listen_tcp(address, Sharing::Alone, BACKLOG)?;
    println!("floor ready at {}", listener.local_addr()?);
    let core = executor::spawn(options.core, "floor", move || async move {
        let ring = Ring::new(RingConfig::default()).map_err(|error| error.to_string())?;
        let listener = ring.listen(listener).map_err(|error| error.to_string())?;
        glommio::spawn_local(accept(listener)).detach();
        executor::run(ring, Idle).await.map_err(|error| error.to_string())
    })?;
    Ok(core.join()??)
}

/// Nothing to do beside the tasks.
struct Idle;

impl Turn for Idle {
    fn after_tasks(&self) -> Park {
        Park::Until(None)
    }
}

async fn accept(listener: Listener) {
    loop {
        match listener.accept().await {
            Ok(connection) => {
                glommio::spawn_local(answer(connection)).detach();
            }
            Err(error) => {
                eprintln!("floor: cannot accept: {error}");
                return;
            }
        }
    }
}

/// Answers one connection until its peer is through, or sends what is no request.
async fn answer(connection: Connection) {
    let mut parser = RequestParser::new(Limits::default());
    let mut spans = Vec::new();
    let mut kept = Vec::new();
    while let Ok(Some(chunk)) = connection.recv().await {
        let outcome = if kept.is_empty() {
            let outcome = answer_all(&connection, &mut parser, &mut spans, &chunk);
            if let Ok(end) = outcome {
                kept.extend_from_slice(&chunk[end..]);
            }
            outcome
        } else {
            kept.extend_from_slice(&chunk);
            let outcome = answer_all(&connection, &mut parser, &mut spans, &kept);
            if let Ok(end) = outcome {
                kept.drain(..end);
            }
            outcome
        };
        if outcome.is_err() {
            return;
        }
    }
}

/// Answers every whole request of `buffer`; the offset where the first one that is not whole starts.
fn answer_all(
    connection: &Connection,
    parser: &mut RequestParser,
    spans: &mut Vec<Span>,
    buffer: &[u8],
) -> Result<usize, ()> {
    let mut output = connection.output();
    let mut at = 0;
    while at < buffer.len() {
        spans.clear();
        let Some(end) = parser.next(buffer, at, spans).map_err(drop)? else { break };
        if !spans.is_empty() {
            reply(&mut Reply::new(&mut output, Protocol::Resp2), parser.args(buffer, spans));
        }
        at = end;
    }
    Ok(at)
}

fn reply(reply: &mut Reply<'_>, args: Args<'_>) {
    let name = args.get(0);
    if name.eq_ignore_ascii_case(b"get") {
        reply.bulk(&VALUE);
    } else if name.eq_ignore_ascii_case(b"config") || name.eq_ignore_ascii_case(b"command") {
        reply.array(0);
    } else {
        reply.ok();
    }
}

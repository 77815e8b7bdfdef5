//! A server whose answers a test decides. It lives on a free port of the loopback interface, a thread per connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use clap::Parser;
use mycorrhizal_net::resp::{Decoder, ReplyLimits, Value};
use pulse_bench::cli::Cli;
use pulse_bench::error::BenchError;
use pulse_bench::session::{self, Outcome};

/// What a server does with a request.
pub(crate) enum Answer {
    /// Replies with these bytes.
    Reply(Vec<u8>),
    /// Replies with these bytes in pieces of this size.
    Pieces(Vec<u8>, usize),
    /// Says nothing.
    Silence,
    /// Closes the connection.
    Close,
}

/// A request: its arguments.
pub(crate) type Request = Vec<Vec<u8>>;

/// Answers the requests of one connection.
pub(crate) type Session = Box<dyn FnMut(&Request) -> Answer + Send>;

/// `+OK`.
pub(crate) fn ok() -> Answer {
    reply("+OK\r\n")
}

/// These bytes.
pub(crate) fn reply(text: &str) -> Answer {
    Answer::Reply(text.as_bytes().to_vec())
}

/// Starts a server on a port of its own, and returns the port. `session` is asked for every new connection.
pub(crate) fn serve(session: impl Fn() -> Session + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    serve_on(listener, session);
    port
}

/// Starts a server on a listener. It lasts as long as the process of the tests.
pub(crate) fn serve_on(listener: TcpListener, session: impl Fn() -> Session + Send + Sync + 'static) {
    let session = Arc::new(session);
    spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let session = Arc::clone(&session);
            spawn(move || talk(stream, session()));
        }
    });
}

/// A server that answers every connection alike.
pub(crate) fn serve_all(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> u16 {
    let answer = Arc::new(answer);
    serve(move || {
        let answer = Arc::clone(&answer);
        Box::new(move |request: &Request| answer(request))
    })
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    drop(std::thread::Builder::new().name("fake".into()).spawn(work).unwrap());
}

fn talk(mut stream: TcpStream, mut session: Session) {
    stream.set_nodelay(true).unwrap();
    let mut decoder = Decoder::new(ReplyLimits::default());
    let mut received = Vec::new();
    let mut chunk = vec![0; 65_536];
    while let Ok(bytes @ 1..) = stream.read(&mut chunk) {
        received.extend_from_slice(&chunk[..bytes]);
        let mut at = 0;
        let mut out = Vec::new();
        while let Ok(Some((request, end))) = decoder.decode(&received, at) {
            at = end;
            let request = arguments(&request);
            match session(&request) {
                Answer::Reply(bytes) => out.extend(bytes),
                Answer::Pieces(bytes, size) => {
                    bytes.chunks(size).for_each(|piece| stream.write_all(piece).unwrap_or_default());
                }
                Answer::Silence => {}
                Answer::Close => return,
            }
        }
        received.drain(..at);
        if stream.write_all(&out).is_err() {
            return;
        }
    }
}

fn arguments(request: &Value) -> Request {
    let arguments = request.as_values().unwrap_or_default();
    arguments.iter().map(|argument| argument.as_bytes().unwrap_or_default().to_vec()).collect()
}

/// The number of a key like `key:000000000042`.
pub(crate) fn number(key: &[u8]) -> usize {
    std::str::from_utf8(&key[4..]).unwrap().parse().unwrap()
}

/// Runs the load tool against a port with these flags, in this process.
pub(crate) fn run(port: u16, flags: &str) -> Result<Outcome, BenchError> {
    let port = port.to_string();
    let words = ["pulse-bench", "--port", port.as_str()]
        .into_iter()
        .chain(flags.split(' ').filter(|word| !word.is_empty()));
    let plan = Cli::try_parse_from(words).unwrap().plan()?;
    session::run(&plan, &plan.target, 0)
}

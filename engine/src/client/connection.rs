//! One connection to one port, in one septum: requests go out as they come, replies come back in their order. What a node
//! pushes beside them goes to whoever opened the connection for that.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::rc::Rc;
use std::time::Duration;

use async_executor::{LocalExecutor, Task};
use async_io::{Async, Timer};
use futures_channel::oneshot;
use futures_lite::future::or;
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _};
use mycorrhizal_net::resp::{Decoder, ReplyLimits, Value, encode_command};

use crate::hypha::CallError;

/// Requests that wait to be written at most; whoever finds no room waits.
const REQUESTS_WAITING: usize = 1024;

/// Bytes of requests that are written in one go, about.
const WRITE_BYTES: usize = 64 * 1024;

/// Bytes read in one go.
const READ_BYTES: usize = 64 * 1024;

/// How long it may take until a connection is ready for requests.
const OPENING: Duration = Duration::from_secs(3);

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Broken {
    /// It was not sent.
    NotSent(String),
    /// It was sent, at least in part.
    Sent(String),
    /// It was not sent, for the node refuses the client.
    Refused(String),
    /// It was not sent, for the node knows no such septum.
    NoSeptum(String),
}

/// Commands that are sent together, and how many replies they get.
struct Request {
    bytes: Vec<u8>,
    replies: usize,
    answer: oneshot::Sender<Result<Vec<Value>, Broken>>,
}

/// A request that was sent, and what came of it so far.
struct Sent {
    missing: usize,
    replies: Vec<Value>,
    answer: oneshot::Sender<Result<Vec<Value>, Broken>>,
}

/// Takes what a node pushes; `false`: the connection is to end. Dropped when the connection has ended.
pub(super) type OnPush = Box<dyn Fn(&[Value]) -> bool>;

/// What a connection is opened with.
pub(super) struct Opening {
    /// `host:port`.
    pub(super) address: Rc<str>,
    pub(super) password: Option<String>,
    pub(super) septum: std::sync::Arc<str>,
}

/// A connection, or one that is being made.
pub(super) struct Connection {
    requests: async_channel::Sender<Request>,
    is_over: Rc<Cell<bool>>,
}

impl Connection {
    /// Begins to connect; requests wait until that is done. What is pushed is left out.
    pub(super) fn open(executor: &LocalExecutor<'static>, opening: Opening) -> Self {
        let (connection, task) = Self::own(executor, opening, Box::new(|_| true));
        task.detach();
        connection
    }

    /// The same for one purpose alone: the connection ends, whatever is under way, when the task is dropped.
    pub(super) fn own(
        executor: &LocalExecutor<'static>,
        opening: Opening,
        on_push: OnPush,
    ) -> (Self, Task<()>) {
        let (requests, waiting) = async_channel::bounded(REQUESTS_WAITING);
        let is_over = Rc::new(Cell::new(false));
        let over = Rc::clone(&is_over);
        let task = executor.spawn(live(opening, waiting, over, on_push));
        (Self { requests, is_over }, task)
    }

    /// Whether it has ended, so that another is needed.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Sends one command and returns its reply, if that comes in time.
    pub(super) async fn ask(&self, command: &[u8], patience: Duration) -> Result<Value, Broken> {
        let answered = async { self.sender().request(command.to_vec(), 1).await };
        let late = async {
            Timer::after(patience).await;
            Err(Broken::Sent("the node does not answer".to_owned()))
        };
        let mut replies = or(answered, late).await?;
        Ok(replies.pop().expect("as many replies come as were asked for"))
    }

    /// Asks what any node can be asked: `None` if this one cannot answer now, and whether it has done what was asked is not
    /// known; an error is a refusal.
    pub(super) async fn consult(
        &self,
        command: &[u8],
        patience: Duration,
    ) -> Result<Option<Value>, CallError> {
        match self.ask(command, patience).await {
            Ok(Value::Error(text)) => match CallError::of_reply(&text) {
                CallError::Failed(_) | CallError::Unknown(_) => Ok(None),
                refusal => Err(refusal),
            },
            Ok(reply) => Ok(Some(reply)),
            Err(Broken::Refused(text) | Broken::NoSeptum(text)) => Err(CallError::Refused(text)),
            Err(Broken::NotSent(_) | Broken::Sent(_)) => Ok(None),
        }
    }

    /// The way to it, for longer than it is borrowed.
    pub(super) fn sender(&self) -> RequestSender {
        RequestSender(self.requests.clone())
    }
}

/// The way to a connection.
pub(super) struct RequestSender(async_channel::Sender<Request>);

impl RequestSender {
    /// Sends commands together and returns their replies.
    pub(super) async fn request(self, bytes: Vec<u8>, replies: usize) -> Result<Vec<Value>, Broken> {
        let (answer, receiver) = oneshot::channel();
        let over = || Broken::NotSent("the connection has ended".to_owned());
        self.0.send(Request { bytes, replies, answer }).await.map_err(|_| over())?;
        // A sender may not keep a connection alive that nobody else wants.
        drop(self);
        receiver.await.unwrap_or_else(|_| Err(over()))
    }
}

async fn live(
    opening: Opening,
    requests: async_channel::Receiver<Request>,
    is_over: Rc<Cell<bool>>,
    on_push: OnPush,
) {
    let opened = async { open(&opening).await };
    let late = async {
        Timer::after(OPENING).await;
        Err(Broken::NotSent("it does not answer".to_owned()))
    };
    let (sent, end) = match or(opened, late).await {
        Ok(stream) => serve(&stream, &requests, &on_push).await,
        Err(broken) => (VecDeque::new(), broken),
    };
    is_over.set(true);
    requests.close();
    let named = |text: &str| format!("{}: {text}", opening.address);
    let (after, before) = match end {
        Broken::NotSent(text) | Broken::Sent(text) => {
            (Broken::Sent(named(&text)), Broken::NotSent(named(&text)))
        }
        refusal => (refusal.clone(), refusal),
    };
    // Whoever asked may have gone, here as below.
    sent.into_iter().for_each(|request| drop(request.answer.send(Err(after.clone()))));
    while let Ok(request) = requests.try_recv() {
        drop(request.answer.send(Err(before.clone())));
    }
}

/// Connects, greets, and selects the septum.
async fn open(opening: &Opening) -> Result<Async<TcpStream>, Broken> {
    let failed = |error: io::Error| Broken::NotSent(error.to_string());
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in resolve(&opening.address).await.map_err(failed)? {
        match Async::<TcpStream>::connect(address).await {
            Ok(stream) => {
                stream.get_ref().set_nodelay(true).map_err(failed)?;
                greet(&stream, opening).await?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

/// The addresses of `host:port`. Asking for a name takes a thread of its own, as the system's resolver blocks.
async fn resolve(address: &Rc<str>) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = address.parse() {
        return Ok(vec![address]);
    }
    // As CLUSTER SLOTS writes an address of IPv6: without brackets.
    if let Some((host, port)) = address.rsplit_once(':')
        && let (Ok(ip), Ok(port)) = (host.parse::<IpAddr>(), port.parse())
    {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (sender, resolved) = oneshot::channel();
    let name = address.to_string();
    let body = move || drop(sender.send(name.to_socket_addrs().map(Iterator::collect)));
    std::thread::Builder::new().name("resolver".to_owned()).spawn(body)?;
    resolved.await.unwrap_or_else(|_| Err(io::ErrorKind::NotFound.into()))
}

async fn greet(stream: &Async<TcpStream>, opening: &Opening) -> Result<(), Broken> {
    let mut greeting = Vec::new();
    match &opening.password {
        Some(password) => encode_command(&mut greeting, &["HELLO", "3", "AUTH", "default", password]),
        None => encode_command(&mut greeting, &["HELLO", "3"]),
    }
    let selects = &*opening.septum != "0";
    if selects {
        encode_command(&mut greeting, &["SEPTUM", "USE", &opening.septum]);
    }
    let failed = |error: io::Error| Broken::NotSent(error.to_string());
    let mut stream: &Async<TcpStream> = stream;
    stream.write_all(&greeting).await.map_err(failed)?;
    let mut replies = Replies::default();
    if let Value::Error(text) = replies.next(stream).await.map_err(failed)? {
        return Err(Broken::Refused(String::from_utf8_lossy(&text).into_owned()));
    }
    if selects && let Value::Error(text) = replies.next(stream).await.map_err(failed)? {
        return Err(Broken::NoSeptum(String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(())
}

/// Sends requests and hands out replies until the connection breaks, or nobody wants it any more. Returns what was sent
/// and not answered.
async fn serve(
    stream: &Async<TcpStream>,
    requests: &async_channel::Receiver<Request>,
    on_push: &OnPush,
) -> (VecDeque<Sent>, Broken) {
    let sent = RefCell::new(VecDeque::new());
    let end = or(write(stream, requests, &sent), read(stream, requests, &sent, on_push)).await;
    let text = end.err().map_or_else(|| "the client has closed it".to_owned(), |error| error.to_string());
    (sent.into_inner(), Broken::Sent(text))
}

async fn write(
    mut stream: &Async<TcpStream>,
    requests: &async_channel::Receiver<Request>,
    sent: &RefCell<VecDeque<Sent>>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Ok(first) = requests.recv().await {
        let mut next = Some(first);
        while let Some(Request { bytes, replies, answer }) = next {
            buffer.extend(bytes);
            sent.borrow_mut().push_back(Sent { missing: replies, replies: Vec::new(), answer });
            next = if buffer.len() < WRITE_BYTES { requests.try_recv().ok() } else { None };
        }
        stream.write_all(&buffer).await?;
        buffer.clear();
        buffer.shrink_to(2 * WRITE_BYTES);
    }
    // Nobody will ask for more; what was asked is still to be answered.
    if sent.borrow().is_empty() { Ok(()) } else { std::future::pending().await }
}

async fn read(
    stream: &Async<TcpStream>,
    requests: &async_channel::Receiver<Request>,
    sent: &RefCell<VecDeque<Sent>>,
    on_push: &OnPush,
) -> io::Result<()> {
    let mut replies = Replies::default();
    loop {
        let reply = match replies.next(stream).await? {
            Value::Push(items) => {
                if on_push(&items) {
                    continue;
                }
                return Ok(());
            }
            reply => reply,
        };
        let mut sent = sent.borrow_mut();
        let unasked = || io::Error::new(io::ErrorKind::InvalidData, "a reply that nobody asked for");
        let request = sent.front_mut().ok_or_else(unasked)?;
        request.replies.push(reply);
        request.missing -= 1;
        if request.missing == 0
            && let Some(done) = sent.pop_front()
        {
            drop(done.answer.send(Ok(done.replies)));
            if sent.is_empty() && requests.is_closed() && requests.is_empty() {
                return Ok(());
            }
        }
    }
}

/// The replies on a connection, one after the other.
struct Replies {
    buffer: Vec<u8>,
    at: usize,
    decoder: Decoder,
}

impl Default for Replies {
    fn default() -> Self {
        Self { buffer: Vec::new(), at: 0, decoder: Decoder::new(ReplyLimits::default()) }
    }
}

impl Replies {
    async fn next(&mut self, mut stream: &Async<TcpStream>) -> io::Result<Value> {
        loop {
            let decoded = self.decoder.decode(&self.buffer, self.at);
            match decoded.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
                Some((value, end)) => {
                    self.at = end;
                    return Ok(value);
                }
                None => {
                    self.buffer.drain(..self.at);
                    self.at = 0;
                }
            }
            let len = self.buffer.len();
            self.buffer.resize(len + READ_BYTES, 0);
            let count = stream.read(&mut self.buffer[len..]).await;
            self.buffer.truncate(len + *count.as_ref().unwrap_or(&0));
            if count? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the node has closed it"));
            }
        }
    }
}

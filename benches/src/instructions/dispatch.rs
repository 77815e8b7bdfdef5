//! A command from its bytes to the bytes of its reply, on the core that owns the key: parse, find the row, find the
//! key, apply.

use mycorrhizal::command::{DataContext, Run, table};
use mycorrhizal::mycel::{Db, Key};
use mycorrhizal_net::resp::{Limits, Protocol, Reply, RequestParser};

use super::parser::requests;
use super::table::full_keyspace;
use super::{VALUE, Work, key};

pub(super) fn find(operations: usize) -> Work {
    const NAMES: &[&[u8]] = &[b"GET", b"SET", b"get", b"INCR", b"PEXPIREAT"];
    Box::new(move || {
        let names = NAMES.iter().cycle().take(operations);
        names.filter_map(|name| table::find(name)).map(|row| row.command.name.len()).sum()
    })
}

pub(super) fn get(operations: usize) -> Work {
    run(operations, |number| vec![b"GET".to_vec(), key(number)])
}

pub(super) fn set(operations: usize) -> Work {
    run(operations, |number| vec![b"SET".to_vec(), key(number), VALUE.to_vec()])
}

pub(super) fn increment(operations: usize) -> Work {
    run(operations, |number| vec![b"INCR".to_vec(), format!("count:{}", number % 100).into_bytes()])
}

fn run(operations: usize, words: impl Fn(usize) -> Vec<Vec<u8>>) -> Work {
    let bytes = requests(operations, words).concat();
    let mut keyspace = full_keyspace(operations);
    let mut parser = RequestParser::new(Limits::default());
    let mut out = Vec::with_capacity(operations * 80);
    Box::new(move || {
        let mut spans = Vec::with_capacity(16);
        let mut at = 0;
        while let Some(end) = parser.next(&bytes, at, &mut spans).expect("the requests are well-formed") {
            let args = parser.args(&bytes, &spans);
            let row = table::find(args.get(0)).expect("the command exists");
            let Run::Data { apply, .. } = row.command.run else { unreachable!("these are data commands") };
            let first = Key::new(args.get(1), keyspace.hasher());
            let mut context = DataContext {
                first_key: Some((first.slot(), first.hash())),
                keyspace: &mut keyspace,
                db: Db::default(),
                no_touch: false,
                value_bytes_max: 512 << 20,
                hits: 0,
                misses: 0,
            };
            apply(&mut context, args, &mut Reply::new(&mut out, Protocol::Resp2)).expect("it succeeds");
            spans.clear();
            at = end;
        }
        out.len()
    })
}

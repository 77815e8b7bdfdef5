use super::{MoreKeys, Template, TemplateSetting, ValueSource};
use crate::key::KeyLayout;
use crate::mix::{CommandSpec, Mix};
use crate::random::Random;
use crate::size::ValueSize;

fn written(mix: &str, value_size: ValueSize, keys: &[u64]) -> String {
    let setting = TemplateSetting::new(KeyLayout::new("k:", 6, 1_000).unwrap(), value_size, 60, 1);
    let command = &mix.parse::<Mix>().unwrap().items[0].0;
    let template = Template::new(command, &setting);
    let mut out = Vec::new();
    let mut keys = keys.iter().copied();
    let values = ValueSource::new(&setting);
    template.write(|_| keys.next().unwrap(), &values, &mut Random::new(1, 0), &mut out);
    assert_eq!(keys.next(), None, "every key is asked for");
    String::from_utf8(out).unwrap()
}

/// The arguments of one request, checked to be the whole of it.
fn arguments(request: &str) -> Vec<String> {
    let mut rest = request.strip_prefix('*').unwrap();
    let number = |prefix: &str, rest: &mut &str| {
        let (digits, tail) = rest.strip_prefix(prefix).unwrap().split_once("\r\n").unwrap();
        *rest = tail;
        digits.parse::<usize>().unwrap()
    };
    let count = number("", &mut rest);
    let arguments = (0..count).map(|_| {
        let length = number("$", &mut rest);
        let (argument, tail) = rest.split_at(length);
        rest = tail.strip_prefix("\r\n").unwrap();
        argument.to_owned()
    });
    let arguments = arguments.collect();
    assert_eq!(rest, "");
    arguments
}

#[test]
fn every_command_is_well_formed() {
    let check = |mix: &str, keys: &[u64], expected: &str| {
        let value = "v".repeat(5);
        for size in [ValueSize::Fixed(5), ValueSize::Range(5, 5)] {
            let arguments = arguments(&written(mix, size, keys));
            let expected = expected.split(' ').collect::<Vec<&str>>();
            assert_eq!(arguments.len(), expected.len(), "{mix}");
            for (argument, expected) in arguments.iter().zip(expected) {
                assert_eq!(argument.len(), expected.replace("VALUE", &value).len(), "{mix}: {argument}");
                assert!(expected.contains("VALUE") || argument == expected, "{mix}: {argument}");
            }
        }
    };
    check("get", &[7], "GET k:0007");
    check("set", &[999], "SET k:0999 VALUE");
    check("del", &[0], "DEL k:0000");
    check("incr", &[42], "INCR k:c042");
    check("mget:3", &[1, 2, 3], "MGET k:0001 k:0002 k:0003");
    check("mset:2", &[1, 2], "MSET k:0001 VALUE k:0002 VALUE");
    check("exists", &[1], "EXISTS k:0001");
    check("expire", &[1], "EXPIRE k:0001 60");
    check("setex", &[1], "SETEX k:0001 60 VALUE");
    check("append", &[1], "APPEND k:a001 VALUE");
    check("ping", &[], "PING");
    check("'HSET h:{key} f <{value}>'", &[12], "HSET h:k:0012 f <VALUE>");
}

#[test]
fn values_of_varying_size_announce_it() {
    for seed in 0..200 {
        let setting = TemplateSetting::new(
            KeyLayout::new("k:", 6, 1_000).unwrap(),
            ValueSize::Range(0, 1_200),
            60,
            seed,
        );
        let template = Template::new(&CommandSpec::Raw(vec!["<{value}>".into(), "{value}".into()]), &setting);
        let mut out = Vec::new();
        template.write(|_| 0, &ValueSource::new(&setting), &mut Random::new(seed, 0), &mut out);
        let arguments = arguments(std::str::from_utf8(&out).unwrap());
        assert!(arguments[0].starts_with('<') && arguments[0].ends_with('>'));
    }
}

#[test]
fn the_first_key_decides_the_slot() {
    let setting = TemplateSetting::new(KeyLayout::new("k:", 6, 1_000).unwrap(), ValueSize::Fixed(1), 60, 1);
    let mix = "ping,mget:2,'RENAME a{{key}} b{{key}}'".parse::<Mix>().unwrap();
    let templates = mix.items.iter().map(|item| Template::new(&item.0, &setting)).collect::<Vec<_>>();
    assert_eq!(templates[0].route, None);
    assert_eq!(templates[1].route.as_ref().unwrap().bytes(), b"k:0000");
    assert_eq!(templates[2].route.as_ref().unwrap().bytes(), b"a{k:0000}");
    assert_eq!((templates[1].more_keys, templates[2].more_keys), (MoreKeys::Drawn, MoreKeys::Repeated));
    let mut scratch = Vec::new();
    let slot = templates[2].route.as_ref().unwrap().slot(5, &mut scratch);
    assert_eq!(slot, crate::slot::slot_of(b"k:0005"));
}

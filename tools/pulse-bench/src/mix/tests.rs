use super::{CommandSpec, Mix};
use crate::random::Random;

fn parse(text: &str) -> Result<Vec<(CommandSpec, u32)>, String> {
    text.parse::<Mix>().map(|mix| mix.items)
}

#[test]
fn names_and_weights() {
    use CommandSpec::{Append, Del, Exists, Expire, Get, Incr, Ping, Set, Setex};
    assert_eq!(parse("get:9,set:1"), Ok(vec![(Get, 9), (Set, 1)]));
    assert_eq!(parse(" GET , del:2 "), Ok(vec![(Get, 1), (Del, 2)]));
    let all = "incr,exists,expire,setex,append,ping";
    assert_eq!(
        parse(all),
        Ok([Incr, Exists, Expire, Setex, Append, Ping].map(|command| (command, 1)).to_vec())
    );
}

#[test]
fn multi_key_commands_carry_their_number_of_keys() {
    assert_eq!(parse("mget:10"), Ok(vec![(CommandSpec::Mget(10), 1)]));
    assert_eq!(parse("mset:5:3,mget:2"), Ok(vec![(CommandSpec::Mset(5), 3), (CommandSpec::Mget(2), 1)]));
}

#[test]
fn templates_stand_in_quotes() {
    let words = |text: &str| CommandSpec::Raw(text.split(' ').map(str::to_owned).collect());
    assert_eq!(parse("\"HSET {key} f {value}\":3"), Ok(vec![(words("HSET {key} f {value}"), 3)]));
    assert_eq!(parse("'SET {key} a,b',get"), Ok(vec![(words("SET {key} a,b"), 1), (CommandSpec::Get, 1)]));
    assert_eq!(parse("'SET x:{key} 1'"), Ok(vec![(words("SET x:{key} 1"), 1)]));
}

#[test]
fn a_mix_goes_around() {
    let text = "get:9,incr:1,mget:5:3,\"HSET {key} f {value}\":2";
    assert_eq!(text.parse::<Mix>().unwrap().to_string(), text);
}

#[test]
fn mistakes_are_named() {
    let check = |text: &str, part: &str| {
        let error = parse(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    };
    check("", "empty");
    check(",", "empty");
    check("gte:1", "'gte' is not one of");
    check("get:0", "'0' is not a weight");
    check("get:-1", "'-1' is not a weight");
    check("get:1:2", "expected NAME:WEIGHT");
    check("mget", "mget:KEYS");
    check("mget:0", "not a number of keys");
    check("\"GET {key}", "not closed");
    check("\"GET {key}\"9", "expected :WEIGHT");
    check("\" \"", "empty");
    check("'SET {key}{value} 1'", "one {key} or {value}");
}

#[test]
fn the_picker_keeps_the_proportions() {
    let mix = "get:7,set:2,del:1".parse::<Mix>().unwrap();
    let picker = mix.picker();
    let mut random = Random::new(5, 0);
    let mut seen = [0_u32; 3];
    for _ in 0..1_000_000 {
        seen[usize::from(picker.pick(&mut random))] += 1;
    }
    for (count, expected) in seen.into_iter().zip([700_000_u32, 200_000, 100_000]) {
        assert!(count.abs_diff(expected) < 2_000, "{seen:?}");
    }
}

#[test]
fn the_picker_never_picks_outside() {
    let mix = Mix { items: (1..=97).map(|weight| (CommandSpec::Ping, weight)).collect() };
    let picker = mix.picker();
    let mut random = Random::new(6, 0);
    assert!((0..100_000).all(|_| picker.pick(&mut random) < 97));
}

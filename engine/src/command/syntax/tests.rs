//! The notation, argument by argument, and every row of the table.

use super::*;
use crate::command::table;

/// One line per tree: `name:kind(token)?` for optional, `*` for repeated, `+` for repeated with token, `{members}`.
fn show(arguments: &[Argument]) -> String {
    let shown: Vec<String> = arguments.iter().map(show_one).collect();
    shown.join(" ")
}

fn show_one(argument: &Argument) -> String {
    let token = argument.token.map(|token| format!("({token})")).unwrap_or_default();
    let optional = if argument.optional { "?" } else { "" };
    let multiple = match argument.multiple {
        Repeat::No => "",
        Repeat::Value => "*",
        Repeat::WithToken => "+",
    };
    let members =
        if argument.members.is_empty() { String::new() } else { format!("{{{}}}", show(&argument.members)) };
    format!("{}:{}{token}{optional}{multiple}{members}", argument.name, argument.kind.name())
}

fn check(syntax: &'static str, expect: &str) {
    assert_eq!(show(&parse(syntax).unwrap()), expect, "{syntax}");
}

#[test]
fn values_and_tokens() {
    check("", "");
    check("key value", "key:key value:string");
    check(
        "key seconds [NX | XX]",
        "key:key seconds:integer nx_xx:oneof?{nx:pure-token(NX) xx:pure-token(XX)}",
    );
    check("cursor [MATCH pattern]", "cursor:integer pattern:pattern(MATCH)?");
    check("[LEN] [MINMATCHLEN len]", "len:pure-token(LEN)? len:integer(MINMATCHLEN)?");
    check("<ON | OFF>", "on_off:oneof{on:pure-token(ON) off:pure-token(OFF)}");
}

#[test]
fn groups() {
    check(
        "[EX seconds | EXAT unix-time-seconds | KEEPTTL]",
        "seconds_unix-time-seconds_keepttl:oneof?{seconds:integer(EX) unix-time-seconds:unix-time(EXAT) \
         keepttl:pure-token(KEEPTTL)}",
    );
    check(
        "[protover [AUTH username password] [SETNAME clientname]]",
        "protover_username_password_clientname:block?{protover:integer \
         username_password:block(AUTH)?{username:string password:string} clientname:string(SETNAME)?}",
    );
    check(
        "[TYPE <NORMAL | PUBSUB>]",
        "normal_pubsub:oneof(TYPE)?{normal:pure-token(NORMAL) pubsub:pure-token(PUBSUB)}",
    );
    check(
        "<ip:port | <ID client-id | SKIPME <YES | NO>> ...>",
        "ip:port_client-id_yes_no:oneof{ip:port:string client-id_yes_no:oneof*{client-id:integer(ID) \
         yes_no:oneof(SKIPME){yes:pure-token(YES) no:pure-token(NO)}}}",
    );
}

#[test]
fn repetition() {
    check("key [key ...]", "key:key*");
    check("key value [key value ...]", "key_value:block*{key:key value:string}");
    check("[section ...]", "section:string?*");
    check("[ID client-id [client-id ...]]", "client-id:integer(ID)?*");
    check("[PREFIX prefix [PREFIX prefix ...]]", "prefix:string(PREFIX)?+");
    check("command [arg ...]", "command:string arg:string?*");
    check("[key value ...]", "key_value:block?*{key:key value:string}");
}

#[test]
fn mistakes() {
    for syntax in ["[a", "a]", "<a]", "a >", "a | b", "[]", "[a |]", "...", "[ | a]"] {
        assert!(parse(syntax).is_err(), "{syntax}");
    }
}

/// The words that an argument takes at least.
fn fewest_words(argument: &Argument) -> usize {
    if argument.optional {
        return 0;
    }
    let token = usize::from(argument.token.is_some());
    let members = argument.members.iter().map(fewest_words);
    match argument.kind {
        Kind::Token => token,
        Kind::OneOf => token + members.min().unwrap_or(0),
        Kind::Block => token + members.sum::<usize>(),
        _ => token + 1,
    }
}

#[test]
fn every_row_can_be_read() {
    for row in table::all().flat_map(|row| std::iter::once(row).chain(&row.subcommands)) {
        let arguments =
            parse(row.command.syntax).map_err(|error| format!("{}: {error}", row.full_name)).unwrap();
        let fewest: usize = arguments.iter().map(fewest_words).sum();
        let names = row.full_name.split('|').count();
        assert!(
            row.command.arity < 0 || usize::from(row.command.arity.unsigned_abs()) == names + fewest,
            "{}: arity {} does not fit `{}`",
            row.full_name,
            row.command.arity,
            row.command.syntax
        );
    }
}

#[test]
fn no_two_rows_have_one_name() {
    let mut names: Vec<&str> = table::all()
        .flat_map(|row| std::iter::once(row).chain(&row.subcommands))
        .map(|row| row.full_name.as_str())
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

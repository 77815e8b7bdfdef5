//! Glob patterns, as KEYS, SCAN, PSUBSCRIBE and CONFIG GET take them.
//!
//! `*` any run of bytes, `?` one byte, `[abc]` `[a-z]` `[^a]` one byte of a class, `\` makes the next byte plain. An
//! unclosed class reaches to the end of the pattern; a range may be given backwards.
//!
//! Everything but `*` takes exactly one byte, so a mismatch needs to go back to the last `*` only: the work is at most
//! the product of the two lengths, for any pattern.
//!
//! Source: Redis, `stringmatchlen`. It differs in one corner: here a pattern of stars matches the empty key.

/// Whether letters that differ in case are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// They are not.
    Exact,
    /// ASCII letters are.
    Ignored,
}

impl Case {
    #[inline]
    fn of(self, byte: u8) -> u8 {
        match self {
            Case::Exact => byte,
            Case::Ignored => byte.to_ascii_lowercase(),
        }
    }
}

/// Whether `pattern` matches all of `text`.
#[must_use]
pub fn glob_match(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let (mut rest, mut at) = (pattern, 0);
    // Where to go on after a mismatch: behind the last star, one byte further in the text than last time.
    let mut retry: Option<(&[u8], usize)> = None;
    loop {
        if let [b'*', behind @ ..] = rest {
            rest = behind;
            retry = Some((behind, at));
            continue;
        }
        let matched = match text.get(at) {
            Some(byte) => one(rest, *byte, case),
            None if rest.is_empty() => return true,
            None => return false,
        };
        if let Some(behind) = matched {
            rest = behind;
            at += 1;
        } else if let Some((behind, from)) = retry {
            if behind.is_empty() {
                return true;
            }
            rest = behind;
            at = from + 1;
            retry = Some((behind, at));
        } else {
            return false;
        }
    }
}

/// Matches one byte against the head of the pattern, which is no star, and gives what stands behind the head.
fn one(pattern: &[u8], byte: u8, case: Case) -> Option<&[u8]> {
    let (matched, behind) = match pattern {
        [] => return None,
        [b'?', behind @ ..] => (true, behind),
        [b'[', b'^', class @ ..] => {
            let (within, behind) = in_class(class, byte, case);
            (!within, behind)
        }
        [b'[', class @ ..] => in_class(class, byte, case),
        [b'\\', plain, behind @ ..] | [plain, behind @ ..] => (case.of(*plain) == case.of(byte), behind),
    };
    matched.then_some(behind)
}

/// Whether `byte` is in the class that starts here, and what stands behind the class.
fn in_class(mut class: &[u8], byte: u8, case: Case) -> (bool, &[u8]) {
    let byte = case.of(byte);
    let mut within = false;
    loop {
        class = match class {
            [] => return (within, class),
            [b'\\', plain, behind @ ..] => {
                within |= case.of(*plain) == byte;
                behind
            }
            [b']', behind @ ..] => return (within, behind),
            [first, b'-', last, behind @ ..] => {
                let (first, last) = (case.of(*first.min(last)), case.of(*first.max(last)));
                within |= (first..=last).contains(&byte);
                behind
            }
            [plain, behind @ ..] => {
                within |= case.of(*plain) == byte;
                behind
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_of_the_manual() {
        let check = |pattern: &str, text: &str, expect: bool| {
            assert_eq!(
                glob_match(pattern.as_bytes(), text.as_bytes(), Case::Exact),
                expect,
                "{pattern} {text}"
            );
        };
        for (pattern, yes, no) in [
            ("h?llo", "hello hallo hxllo", "hllo heello"),
            ("h*llo", "hllo heeeello", "hell ello"),
            ("h[ae]llo", "hello hallo", "hillo hllo"),
            ("h[^e]llo", "hallo hbllo", "hello"),
            ("h[a-b]llo", "hallo hbllo", "hcllo"),
            ("h[b-a]llo", "hallo hbllo", "hcllo"),
            ("a\\*b", "a*b", "axb a\\*b"),
            ("[\\]]", "]", "\\ []"),
            ("[a", "a", "[a b"),
            ("[^", "a ^", "ab"),
            ("[]a", "", "a ]a"),
            ("[^]a", "xa", "a"),
            ("x\\", "x\\", "x"),
            ("[a-]", "a ] _", "- b"),
            ("*", "a abc", ""),
            ("**a**", "a xa ax xax", "b"),
            ("a*b*c", "abc axbxc abbcc", "ab acb"),
            ("", "", "a"),
        ] {
            yes.split(' ').filter(|text| !text.is_empty()).for_each(|text| check(pattern, text, true));
            no.split(' ').filter(|text| !text.is_empty()).for_each(|text| check(pattern, text, false));
        }
        check("*", "", true);
        check("?", "", false);
    }

    #[test]
    fn case_is_ignored_on_request() {
        assert!(glob_match(b"MAX[A-Z]*", b"maxmemory", Case::Ignored));
        assert!(!glob_match(b"MAX[A-Z]*", b"maxmemory", Case::Exact));
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let text = vec![b'a'; 20_000];
        let pattern = [b"*a".repeat(60), b"b".to_vec()].concat();
        assert!(!glob_match(&pattern, &text, Case::Exact));
    }

    /// The obvious recursive definition.
    fn model(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', behind @ ..] => (0..=text.len()).any(|at| model(behind, &text[at..])),
            _ => text.split_first().is_some_and(|(byte, left)| {
                one(pattern, *byte, Case::Exact).is_some_and(|behind| model(behind, left))
            }),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn agrees_with_the_recursive_definition(pattern in "[ab*?\\[\\]^\\\\-]{0,10}", text in "[ab\\]^-]{0,8}") {
            let expect = model(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(glob_match(pattern.as_bytes(), text.as_bytes(), Case::Exact), expect);
        }
    }
}

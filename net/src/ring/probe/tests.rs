use super::*;

fn seen(release: &str) -> Seen {
    let locked_memory = Limit { soft: 8 << 20, hard: 8 << 20 };
    Seen { release: release.to_owned(), disabled: Some(0), locked_memory, trial: Ok(()) }
}

fn refusal(errno: i32) -> Result<(), io::Error> {
    Err(io::Error::from_raw_os_error(errno))
}

fn check_sentence(seen: Seen, cores: usize, expected: &str, code: u8) {
    let error = decide(seen, cores).expect_err("this machine is not good enough");
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.exit_code(), code);
}

#[test]
fn a_good_machine_passes() {
    for release in ["6.1.0-18-amd64", "6.18.44-fc", "7.0", "10.2.1+", ""] {
        decide(seen(release), 2).expect("good enough");
    }
}

#[test]
fn an_old_kernel_is_named() {
    let text = "this kernel is 5.15.0-91-generic, and Mycorrhizal needs Linux 6.1 or newer";
    check_sentence(seen("5.15.0-91-generic"), 1, text, 71);
    let text = "this kernel is 6.0.9, and Mycorrhizal needs Linux 6.1 or newer";
    check_sentence(seen("6.0.9"), 1, text, 71);
}

#[test]
fn the_switch_that_is_off_is_named() {
    let seen = Seen { disabled: Some(2), trial: refusal(libc::EPERM), ..seen("6.6.1") };
    let text = "io_uring is refused here (sysctl kernel.io_uring_disabled is 2: set it to 0); Mycorrhizal does \
                all its I/O through it";
    check_sentence(seen, 1, text, 77);
}

#[test]
fn a_sandbox_is_named() {
    let forbidden = Seen { trial: refusal(libc::EPERM), ..seen("6.6.1") };
    let text = "io_uring is refused here (a seccomp profile or security module forbids it: allow io_uring_setup, \
                io_uring_enter and io_uring_register); Mycorrhizal does all its I/O through it";
    check_sentence(forbidden, 1, text, 77);
    let hidden = Seen { disabled: None, trial: refusal(libc::ENOSYS), ..seen("6.6.1") };
    let text = "io_uring is refused here (the kernel was built without it, or a sandbox hides it); Mycorrhizal \
                does all its I/O through it";
    check_sentence(hidden, 1, text, 77);
}

#[test]
fn too_little_locked_memory_is_named_with_what_is_needed() {
    let small = Limit { soft: 64 * 1024, hard: 64 * 1024 };
    let text = "at most 65536 bytes of memory may be locked (ulimit -l), and the cores need 524288: raise the \
                hard limit, e.g. LimitMEMLOCK in the unit file or --ulimit memlock=-1 for a container";
    check_sentence(Seen { locked_memory: small, ..seen("6.6.1") }, 1, text, 78);
    let medium = Limit { soft: 1 << 20, hard: 1 << 20 };
    decide(Seen { locked_memory: medium, ..seen("6.6.1") }, 8).expect("eight cores fit into a mebibyte");
    decide(Seen { locked_memory: medium, ..seen("6.6.1") }, 9).expect_err("nine do not");
}

#[test]
fn this_machine_runs_the_tests() {
    check(1).expect("the tests need a ring");
}

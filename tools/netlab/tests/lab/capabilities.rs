//! As root the lab has all that the kernels have on which it is to run; only netem may be missing.

use netlab::{Kind, Lab};

#[test]
fn root_has_everything_but_netem() {
    let capabilities = Lab::probe();
    eprint!("{capabilities}");
    if !capabilities.has(Kind::Root) {
        return;
    }
    let missing = capabilities.iter().filter(|one| one.missing.is_some() && one.kind != Kind::Netem);
    assert_eq!(missing.map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
}

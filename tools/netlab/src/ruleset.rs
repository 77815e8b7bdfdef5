//! The rules of nft that faults and detours come to: from what is wrong to one script per namespace.
//!
//! A script replaces all that was there in one transaction, so that no packet meets half of it.

use std::fmt::Write as _;

use crate::fault::Fault;
use crate::host;
use crate::stage::Stage;

/// The rules inside a host: what it does not receive, by sender.
pub(crate) fn of_host(faults: &[(usize, Fault)]) -> String {
    let mut drops = String::new();
    let mut resets = String::new();
    for (from, fault) in faults {
        let sender = host::hardware_address(*from);
        match fault {
            Fault::Cut => rule(&mut drops, format_args!("ether saddr {sender} drop")),
            Fault::Loss { percent } => {
                rule(&mut drops, format_args!("ether saddr {sender} numgen random mod 100 < {percent} drop"));
            }
            Fault::Reset => {
                // Not the resets themselves: where both ways are reset, they are to arrive.
                let segments = "tcp flags & rst == 0";
                rule(&mut resets, format_args!("ether saddr {sender} {segments} reject with tcp reset"));
            }
            Fault::Rate { .. } | Fault::Impair(_) => {}
        }
    }
    let drops = chain("arriving", "ingress device \"eth0\"", &drops);
    let resets = chain("accepted", "input", &resets);
    format!("{}{}", table("netdev", &drops), table("inet", &resets))
}

/// The rules of the hub: which frames take which detours, in the order of their numbers.
pub(crate) fn of_hub(hosts: usize, stages: &[Stage]) -> String {
    let mut chains = String::new();
    for to in 0..hosts {
        let mut diverts = String::new();
        for from in 0..hosts {
            let path = stages.iter().filter(|stage| (stage.from, stage.to) == (from, to));
            for (passed, stage) in path.enumerate() {
                let mark = passed + 1;
                let (sender, entrance) = (host::hardware_address(from), stage.entrance());
                rule(
                    &mut diverts,
                    format_args!("meta mark < {mark} ether saddr {sender} fwd to \"{entrance}\""),
                );
                let back = format!("    meta mark set {mark} fwd to \"{}\"\n", host::port(to));
                let exit = stage.exit();
                chains += &chain(&format!("from_{exit}"), &format!("ingress device \"{exit}\""), &back);
            }
        }
        if !diverts.is_empty() {
            let port = host::port(to);
            chains += &chain(&format!("to_{port}"), &format!("egress device \"{port}\""), &diverts);
        }
    }
    table("netdev", &chains)
}

fn rule(rules: &mut String, words: std::fmt::Arguments<'_>) {
    writeln!(rules, "    {words}").expect("a string takes whatever is written");
}

fn chain(name: &str, hook: &str, rules: &str) -> String {
    if rules.is_empty() {
        return String::new();
    }
    format!("  chain {name} {{\n    type filter hook {hook} priority 0;\n{rules}  }}\n")
}

/// Replaces a table: the first line is there so that the second has something to delete.
fn table(family: &str, chains: &str) -> String {
    format!("table {family} lab {{\n}}\ndelete table {family} lab\ntable {family} lab {{\n{chains}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::StageKind;

    #[test]
    fn a_host_drops_and_resets_by_sender() {
        let script = of_host(&[(0, Fault::Cut), (2, Fault::Loss { percent: 20 }), (1, Fault::Reset)]);
        let expected = r#"table netdev lab {
}
delete table netdev lab
table netdev lab {
  chain arriving {
    type filter hook ingress device "eth0" priority 0;
    ether saddr 02:77:00:00:00:01 drop
    ether saddr 02:77:00:00:00:03 numgen random mod 100 < 20 drop
  }
}
table inet lab {
}
delete table inet lab
table inet lab {
  chain accepted {
    type filter hook input priority 0;
    ether saddr 02:77:00:00:00:02 tcp flags & rst == 0 reject with tcp reset
  }
}
"#;
        assert_eq!(script, expected);
    }

    #[test]
    fn detours_of_one_path_stand_one_behind_the_other() {
        let rate = |number| Stage { number, from: 0, to: 1, kind: StageKind::Rate { kilobits: 1 } };
        let script = of_hub(2, &[rate(4), rate(9)]);
        let rules: Vec<&str> =
            script.lines().map(str::trim).filter(|line| line.starts_with("meta")).collect();
        let expected = [
            "meta mark set 1 fwd to \"p1\"",
            "meta mark set 2 fwd to \"p1\"",
            "meta mark < 1 ether saddr 02:77:00:00:00:01 fwd to \"s4\"",
            "meta mark < 2 ether saddr 02:77:00:00:00:01 fwd to \"s9\"",
        ];
        assert_eq!(rules, expected);
    }

    #[test]
    fn without_faults_there_are_no_chains() {
        assert!(!of_hub(3, &[]).contains("chain"));
        assert!(!of_host(&[]).contains("chain"));
    }
}

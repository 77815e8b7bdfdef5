//! The prompt's `help`: what the command table says of a command, a container or a group.

use super::print::{Colours, Paint};
use super::reference::{self, Found};

/// Answers `help`, `help CMD [SUB]` and `help @group`.
pub(crate) fn text<W: AsRef<[u8]>>(topic: &[W], colours: Colours) -> String {
    let Some(first) = topic.first() else { return general(colours) };
    let words =
        topic.iter().map(|word| String::from_utf8_lossy(word.as_ref()).into_owned()).collect::<Vec<_>>();
    if let Some(group) = first.as_ref().strip_prefix(b"@") {
        return of_group(&String::from_utf8_lossy(group), colours);
    }
    match reference::find(topic) {
        Some(found) if found.words == 1 && words.len() > 1 && !found.row.subcommands.is_empty() => {
            format!("{} has no subcommand {}; `help {}` lists them", found.name, words[1], words[0])
        }
        Some(found) => of_command(&found, colours),
        None => format!("There is no command {}; `help` says how to find one", words[0]),
    }
}

fn general(colours: Colours) -> String {
    let rows = [
        ("help CMD", "what a command does and takes"),
        ("help @GROUP", "the commands of a group"),
        ("N CMD ARG…", "run a command N times"),
        ("clear", "clear the screen"),
        ("quit", "leave (as Ctrl-D does)"),
    ];
    let mut lines: Vec<String> = rows
        .iter()
        .map(|(what, does)| format!("  {} {does}", colours.paint(Paint::Strong, &format!("{what:<12}"))))
        .collect();
    lines.push(format!("\n  groups: {}", groups().join(", ")));
    lines.push("  Tab completes; what is greyed is still to be typed; Ctrl-R searches the history.".into());
    lines.join("\n")
}

fn of_command(found: &Found, colours: Colours) -> String {
    let row = found.row;
    let heading = colours.paint(Paint::Strong, &found.name);
    let mut lines = vec![format!("  {heading} {}", row.syntax).trim_end().to_owned()];
    let facts = [
        ("summary", row.summary),
        ("since", row.since),
        ("group", row.group.name()),
        ("complexity", row.complexity),
    ];
    lines.extend(
        facts
            .into_iter()
            .filter(|(_, fact)| !fact.is_empty())
            .map(|(name, fact)| format!("  {} {fact}", colours.paint(Paint::Faint, &format!("{name}:")))),
    );
    if !row.subcommands.is_empty() {
        lines.push(format!("  {}", colours.paint(Paint::Faint, "subcommands:")));
        lines.extend(row.subcommands.iter().map(|sub| {
            let usage = format!("{} {}", sub.name.to_ascii_uppercase(), sub.syntax);
            format!("    {} - {}", usage.trim_end(), sub.summary)
        }));
    }
    lines.join("\n")
}

fn of_group(group: &str, colours: Colours) -> String {
    let rows: Vec<Found> = reference::all()
        .into_iter()
        .filter(|found| found.row.group.name().eq_ignore_ascii_case(group))
        .collect();
    if rows.is_empty() {
        return format!("There is no group {group}; the groups are {}", groups().join(", "));
    }
    let width = rows.iter().map(|found| found.name.len()).max().unwrap_or(0);
    let line = |found: &Found| {
        format!(
            "  {} {}",
            colours.paint(Paint::Strong, &format!("{:<width$}", found.name)),
            found.row.summary
        )
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The groups that have commands, by name.
fn groups() -> Vec<&'static str> {
    let mut names: Vec<&str> = reference::all().iter().map(|found| found.row.group.name()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(topic: &[&str]) -> String {
        text(topic, Colours::Off)
    }

    #[test]
    fn commands_subcommands_and_groups_are_explained() {
        let get = help(&["get"]);
        assert!(get.starts_with("  GET key\n  summary: ") && get.contains("\n  group: string"), "{get}");
        assert!(help(&["CONFIG", "GET"]).starts_with("  CONFIG GET "));
        let container = help(&["config"]);
        assert!(container.contains("subcommands:") && container.contains("    GET parameter"), "{container}");
        let group = help(&["@string"]);
        assert!(group.lines().any(|line| line.starts_with("  GET ")) && !group.contains("CONFIG"), "{group}");
        assert!(help(&[]).contains("groups: ") && help(&[]).contains("string"));
    }

    #[test]
    fn what_is_not_there_is_said_so() {
        assert!(help(&["nonesuch"]).contains("no command nonesuch"));
        assert!(help(&["config", "nonesuch"]).contains("no subcommand nonesuch"));
        assert!(help(&["@nonesuch"]).contains("the groups are "));
    }
}

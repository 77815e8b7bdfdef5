//! The prompt's history, in a file that only its owner can read, without the lines that carry passwords.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use reedline::{FileBackedHistory, History, HistoryItem, HistoryItemId, HistorySessionId, SearchQuery};

use crate::pulse::line;

/// Lines that are kept.
const CAPACITY: usize = 10_000;

/// The history of the file, or one that is forgotten if there is no file or it cannot be used.
pub(super) fn open(file: Option<&Path>) -> Box<dyn History> {
    let opened = file.map(open_file).transpose();
    let history = opened.unwrap_or_else(|error| {
        eprintln!("pulse: the history is not kept: {error}");
        None
    });
    Box::new(DiscreetHistory { inner: history.unwrap_or_default() })
}

fn open_file(path: &Path) -> io::Result<FileBackedHistory> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    FileBackedHistory::with_file(CAPACITY, path.to_owned()).map_err(io::Error::other)
}

/// Whether a line carries a password.
fn is_secret(text: &str) -> bool {
    let Ok(args) = line::split(text.as_bytes()) else { return true };
    let words: Vec<String> =
        args.iter().map(|arg| String::from_utf8_lossy(arg).to_ascii_lowercase()).collect();
    let words: Vec<&str> =
        words.iter().map(String::as_str).skip_while(|word| word.parse::<u64>().is_ok()).collect();
    match words.as_slice() {
        ["auth", ..] | ["acl", "setuser", ..] | ["nodosum", "keys", "install", ..] => true,
        ["config", "set", settings @ ..] => {
            settings.iter().any(|setting| setting.contains("pass") || setting.contains("auth"))
        }
        ["hello" | "migrate", rest @ ..] => rest.iter().any(|word| word.starts_with("auth")),
        _ => false,
    }
}

struct DiscreetHistory {
    inner: FileBackedHistory,
}

impl History for DiscreetHistory {
    fn save(&mut self, item: HistoryItem) -> reedline::Result<HistoryItem> {
        if is_secret(&item.command_line) { Ok(item) } else { self.inner.save(item) }
    }

    fn load(&self, id: HistoryItemId) -> reedline::Result<HistoryItem> {
        self.inner.load(id)
    }

    fn count(&self, query: SearchQuery) -> reedline::Result<i64> {
        self.inner.count(query)
    }

    fn search(&self, query: SearchQuery) -> reedline::Result<Vec<HistoryItem>> {
        self.inner.search(query)
    }

    fn update(
        &mut self,
        id: HistoryItemId,
        updater: &dyn Fn(HistoryItem) -> HistoryItem,
    ) -> reedline::Result<()> {
        self.inner.update(id, updater)
    }

    fn clear(&mut self) -> reedline::Result<()> {
        self.inner.clear()
    }

    fn delete(&mut self, id: HistoryItemId) -> reedline::Result<()> {
        self.inner.delete(id)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.inner.sync()
    }

    fn session(&self) -> Option<HistorySessionId> {
        self.inner.session()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn lines_with_passwords_are_told_from_others() {
        for line in [
            "auth hunter2",
            "AUTH user hunter2",
            "2 auth hunter2",
            "nodosum keys install hunter2",
            "hello 3 AUTH user hunter2",
            "config set requirepass hunter2",
            "CONFIG SET maxmemory 1gb masterauth hunter2",
            "acl setuser joe >hunter2",
            "migrate h 1 k 0 5 AUTH2 joe hunter2",
            "auth \"hunter2",
        ] {
            assert!(is_secret(line), "{line}");
        }
        for line in ["get auth", "set password x", "config get requirepass", "acl list", "hello 3", ""] {
            assert!(!is_secret(line), "{line}");
        }
    }

    #[test]
    fn the_file_is_private_and_holds_no_password() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("history");
        let mut history = open(Some(&path));
        for line in ["set a 1", "auth hunter2", "get a"] {
            history.save(HistoryItem::from_command_line(line)).unwrap();
        }
        history.sync().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "set a 1\nget a\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

//! The data directory: created if missing, and held by one daemon at a time.
//!
//! The lock is an advisory lock of the kernel on `mycorrhizal.lock`, so it ends with the process that took it however
//! that process ended. The file holds the holder's pid for whoever is refused; it stays behind, empty.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::error::DaemonError;

const LOCK_FILE: &str = "mycorrhizal.lock";

/// A data directory that is ours as long as this lives. Owned by the node.
#[derive(Debug)]
pub(super) struct DataDirectory {
    lock: File,
}

impl DataDirectory {
    /// Creates the directory where it is missing and takes it.
    pub(super) fn take(path: &Path) -> Result<Self, DaemonError> {
        let failed = |source| DaemonError::Directory { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o750).create(path).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o640);
        let mut lock = options.open(path.join(LOCK_FILE)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DaemonError::Locked { path: path.to_owned(), holder: holder(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        write_pid(&mut lock).map_err(failed)?;
        Ok(Self { lock })
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        // A pid left in the file misleads nobody: it is read only while somebody holds the lock.
        if let Err(error) = self.lock.set_len(0) {
            tracing::debug!(%error, "the lock file keeps a stale pid");
        }
    }
}

fn write_pid(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    writeln!(lock, "{}", std::process::id())?;
    lock.sync_data()
}

/// The pid in the lock file, if there is one yet.
fn holder(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_holder_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let first = DataDirectory::take(&path).unwrap();
        let error = DataDirectory::take(&path).expect_err("held");
        let expected = format!(
            "the directory {} is in use by another daemon (pid {})",
            path.display(),
            std::process::id()
        );
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.exit_code(), 1);
        drop(first);
        assert_eq!(std::fs::read_to_string(path.join(LOCK_FILE)).unwrap(), "");
        DataDirectory::take(&path).expect("free again");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = DataDirectory::take(&file.join("below")).expect_err("a file is no directory").to_string();
        assert!(error.starts_with("cannot use the directory ") && error.contains("file/below"), "{error}");
    }
}

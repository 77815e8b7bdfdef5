//! CONFIG REWRITE: brings the TOML file that the daemon was started with in line with the settings in force.
//!
//! Comments, order and everything that is no parameter stay. A parameter that the file names gets its current value,
//! even where that is the default; one that it does not name is added if it differs from the default. The file is
//! replaced in one step, so that a crash leaves the old one or the new one.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Value};

use super::Settings;
use super::parameter::{Form, PARAMETERS, Parameter};

/// Why the file was not rewritten; it is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RewriteError {
    /// It cannot be read or written.
    #[error("Rewriting config file: {0}")]
    LocalFile(#[from] io::Error),
    /// It is no TOML any more.
    #[error("Rewriting config file: {0}")]
    ConfigSyntax(String),
    /// A value has bytes that TOML cannot hold.
    #[error("Rewriting config file: the value of {0} is no text")]
    ConfigBytes(&'static str),
}

/// Rewrites the file at `path`.
///
/// # Errors
/// See [`RewriteError`].
pub(crate) fn rewrite_file(path: &Path, settings: &Settings) -> Result<(), RewriteError> {
    let text = rewrite(&fs::read_to_string(path)?, settings)?;
    // A link stays a link: what it points to is replaced.
    let path = fs::canonicalize(path)?;
    let beside = beside(&path);
    let written = write_like(&beside, &text, &path).and_then(|()| fs::rename(&beside, &path));
    if written.is_err()
        && let Err(error) = fs::remove_file(&beside)
    {
        tracing::debug!(%error, "nothing to clean up after a failed rewrite");
    }
    written.map_err(RewriteError::from)
}

/// A name in the same directory, so that it can take the other's place.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

fn write_like(path: &Path, text: &str, original: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.set_permissions(fs::metadata(original)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The file's text with the settings in it.
fn rewrite(text: &str, settings: &Settings) -> Result<String, RewriteError> {
    let document = text.parse::<DocumentMut>();
    let mut document = document.map_err(|error| RewriteError::ConfigSyntax(error.message().to_owned()))?;
    let default = Settings::default();
    for parameter in PARAMETERS.iter().filter(|parameter| parameter.form != Form::Absent) {
        let value = (parameter.get)(settings);
        if let Some(item) = document.get_mut(parameter.name) {
            if !holds(item, parameter, &value) {
                replace(item, toml_value(parameter, &value)?);
            }
        } else if value != (parameter.get)(&default) {
            document.insert(parameter.name, Item::Value(toml_value(parameter, &value)?));
        }
    }
    Ok(document.to_string())
}

/// Whether the file says the same already, perhaps in other words (`100mb`): then its words stay.
fn holds(item: &Item, parameter: &Parameter, value: &[u8]) -> bool {
    let written = match item {
        Item::Value(Value::String(text)) => text.value().clone(),
        Item::Value(Value::Integer(number)) => number.value().to_string(),
        Item::Value(Value::Boolean(on)) => if *on.value() { "yes" } else { "no" }.to_owned(),
        _ => return false,
    };
    let mut settings = Settings::default();
    parameter.set.is_some_and(|set| set(&mut settings, written.as_bytes()).is_ok())
        && (parameter.get)(&settings) == value
}

/// Puts a value in the place of another and keeps the comment behind it.
fn replace(item: &mut Item, mut value: Value) {
    if let Item::Value(old) = item {
        *value.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(value);
}

fn toml_value(parameter: &Parameter, value: &[u8]) -> Result<Value, RewriteError> {
    let text = std::str::from_utf8(value).map_err(|_| RewriteError::ConfigBytes(parameter.name))?;
    Ok(match (parameter.form, text.parse::<i64>()) {
        (Form::Number, Ok(number)) => Value::from(number),
        (Form::Switch, _) => Value::from(text == "yes"),
        _ => Value::from(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, changes: &[(&str, &str)], after: &str) {
        let changes = changes.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let settings = Settings::default().with(changes).unwrap();
        assert_eq!(rewrite(before, &settings).unwrap(), after);
    }

    #[test]
    fn comments_order_and_unknown_keys_stay() {
        check(
            "# mine\nport = 7000 # plain\n\nmaxmemory = \"1gb\" # all of it\ncores = \"0-3\"\n",
            &[("maxmemory", "2gb"), ("slowlog-max-len", "7"), ("latency-tracking", "no")],
            "# mine\nport = 7000 # plain\n\nmaxmemory = 2147483648 # all of it\ncores = \"0-3\"\n\
             latency-tracking = false\nslowlog-max-len = 7\n",
        );
    }

    #[test]
    fn a_value_that_says_the_same_keeps_its_words() {
        check("maxmemory = \"100mb\"\n", &[("maxmemory", "104857600")], "maxmemory = \"100mb\"\n");
        check("timeout = 5\n", &[], "timeout = 0\n");
        check("", &[("requirepass", "a\"b")], "requirepass = 'a\"b'\n");
    }

    #[test]
    fn what_is_no_toml_is_refused() {
        assert!(matches!(rewrite("a = ", &Settings::default()), Err(RewriteError::ConfigSyntax(_))));
        let settings = Settings { requirepass: vec![0xFF], ..Settings::default() };
        assert!(matches!(rewrite("", &settings), Err(RewriteError::ConfigBytes("requirepass"))));
    }

    #[test]
    fn the_file_is_replaced_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.toml");
        fs::write(&path, "timeout = 1\n").unwrap();
        rewrite_file(&path, &Settings { timeout: 9, ..Settings::default() }).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "timeout = 9\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

//! Keys of the file that are no flags: the parameters of CONFIG SET, which CONFIG REWRITE writes there.

use mycorrhizal::{Builder, Hypha};

/// A parameter with its value in the form of CONFIG SET.
pub type Parameter = (&'static str, String);

/// The parameter that a key of the file names.
pub(super) fn named(key: &str) -> Option<&'static str> {
    Builder::parameters().find(|name| *name == key)
}

/// Reads the parameter's value and tries whether the engine takes it.
pub(super) fn read(name: &'static str, value: &toml::Value) -> Result<Parameter, String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(true) => "yes".to_owned(),
        toml::Value::Boolean(false) => "no".to_owned(),
        other => {
            return Err(format!("expected a string, an integer or a boolean, found a {}", other.type_str()));
        }
    };
    match Hypha::builder().parameter(name, &text) {
        Ok(_) => Ok((name, text)),
        Err(error) => Err(error.to_string()),
    }
}

//! What a client is to be, before it is connected.

use std::time::Duration;

use super::driver::Driver;
use super::{Client, ConnectError};

/// How long a call is tried, if nothing else is said: longer than it takes until what a dead node owned has new owners.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a client is to be. Made by [`Client::builder`].
#[derive(Clone)]
pub struct ClientBuilder {
    /// What nodes want to hear.
    pub(super) password: Option<String>,
    /// How long a call is tried.
    pub(super) patience: Duration,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self { password: None, patience: PATIENCE }
    }
}

impl ClientBuilder {
    /// The password that nodes ask for.
    #[must_use]
    pub fn password(self, password: impl Into<String>) -> Self {
        Self { password: Some(password.into()), ..self }
    }

    /// How long a call is tried until it has failed, or is unknown; 10 s if nothing is said.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Connects. See [`Client::connect`].
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect<S: Into<String>>(
        self,
        seeds: impl IntoIterator<Item = S>,
    ) -> Result<Client, ConnectError> {
        let seeds: Vec<String> = seeds.into_iter().map(Into::into).collect();
        Driver::start(self, seeds).await.map(Client)
    }
}

//! The text of INFO: `key:value` lines under `# Section` headings, some values being lists `name=value,…`.

/// The lines of INFO.
pub(super) struct Info<'a> {
    lines: Vec<(&'a str, &'a str)>,
}

/// A value that is a list.
pub(super) struct Fields<'a>(&'a str);

impl<'a> Info<'a> {
    /// Takes the text apart; lines that are no `key:value` are skipped.
    pub(super) fn parse(text: &'a str) -> Self {
        let lines =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'));
        Self { lines: lines.map(|(key, value)| (key, value.trim_end())).collect() }
    }

    /// The value of a key.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.lines.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    /// The value of a key that holds a whole number.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.text(key)?.parse().ok()
    }

    /// The value of a key that holds a list.
    pub(super) fn fields(&self, key: &str) -> Option<Fields<'a>> {
        self.text(key).map(Fields)
    }

    /// The numbered databases.
    pub(super) fn databases(&self) -> impl Iterator<Item = Fields<'a>> {
        let is_database = |key: &str| {
            key.strip_prefix("db").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        self.lines.iter().filter(move |(key, _)| is_database(key)).map(|(_, value)| Fields(value))
    }

    /// The 99th percentile, in microseconds, of the command with the most calls, INFO itself aside.
    pub(super) fn p99_of_busiest_command(&self) -> Option<f64> {
        let calls = self.lines.iter().filter_map(|(key, value)| {
            let command = key.strip_prefix("cmdstat_").filter(|command| *command != "info")?;
            Some((Fields(value).number("calls")?, command))
        });
        let (_, command) = calls.max()?;
        self.fields(&format!("latency_percentiles_usec_{command}"))?.float("p99")
    }
}

impl<'a> Fields<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0
            .split(',')
            .filter_map(|field| field.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// A field that is a whole number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// A field that is a number.
    pub(super) fn float(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

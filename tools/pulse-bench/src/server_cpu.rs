//! What the load costs the servers, as they tell it themselves (`INFO`: `used_cpu_user`, `used_cpu_sys`).

use std::collections::BTreeMap;

use crate::link::{Endpoint, Link, Login};

/// Processor time of the servers behind a set of endpoints. Servers that do not tell are left alone.
pub struct ServerCpu {
    links: Vec<Link>,
    begun: Option<f64>,
}

impl ServerCpu {
    /// Connects to the endpoints.
    pub fn open(endpoints: &[Endpoint], login: &Login) -> Self {
        let links = endpoints.iter().map(|endpoint| Link::open(endpoint, login));
        let links = links.collect::<Result<Vec<Link>, _>>().unwrap_or_default();
        Self { links, begun: None }
    }

    /// Takes the first reading, once.
    pub fn begin(&mut self) {
        if self.begun.is_none() {
            self.begun = self.read();
            if self.begun.is_none() {
                self.links.clear();
            }
        }
    }

    /// Seconds since the first reading; `None` if a server does not tell.
    pub fn end(mut self) -> Option<f64> {
        let begun = self.begun?;
        self.read().map(|ended| ended - begun)
    }

    /// Several endpoints may be one process: each counts once.
    fn read(&mut self) -> Option<f64> {
        let mut seconds = BTreeMap::new();
        for link in &mut self.links {
            let info = link.call(&["INFO"]).ok()?;
            let info = String::from_utf8_lossy(info.as_bytes()?).into_owned();
            let process = field(&info, "run_id").map_or_else(|| link.endpoint().to_string(), str::to_owned);
            let user = field(&info, "used_cpu_user")?.parse::<f64>().ok()?;
            let system = field(&info, "used_cpu_sys")?.parse::<f64>().ok()?;
            seconds.insert(process, user + system);
        }
        (!seconds.is_empty()).then(|| seconds.values().sum())
    }
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_of_info() {
        let info = "# CPU\r\nused_cpu_sys:1.5\r\nused_cpu_sys_children:9\r\nused_cpu_user:2\r\n";
        assert_eq!(field(info, "used_cpu_sys"), Some("1.5"));
        assert_eq!(field(info, "used_cpu_user"), Some("2"));
        assert_eq!(field(info, "run_id"), None);
    }
}

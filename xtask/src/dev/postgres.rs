//! A PostgreSQL server for one run of a suite: own data directory, loopback only, removed when dropped.

use std::fs;
use std::io::{self, Read, Seek, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::dev::packages;
use crate::effects::files;
use crate::error::Failure;
use crate::report::Report;

/// Longest start. An empty server accepts connections in less than a second, on a loaded machine in ten.
const START: Duration = Duration::from_secs(60);

/// Name of the socket that libpq looks for in a folder if no port is given.
pub const SOCKET: &str = ".s.PGSQL.5432";

/// Owner of the database cluster.
const USER: &str = "slipway";

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    binaries: Binaries,
    directory: Utf8PathBuf,
    port: u16,
    user: User,
    password: String,
}

#[derive(Clone, Copy, Debug)]
struct User {
    uid: u32,
    gid: u32,
}

impl Postgres {
    /// Creates a cluster in a temporary directory and starts it. PostgreSQL refuses to run as root, so the server runs as
    /// the user `postgres` where that user exists, else as `nobody`. Clients authenticate as on RDS (SCRAM-SHA-256), which
    /// is most of the cost of a connection.
    ///
    /// # Errors
    /// A failure with the server's log if it does not start.
    pub fn start(binaries: &Binaries) -> anyhow::Result<Postgres> {
        let user = unprivileged_user()?;
        let directory = temporary_directory()?;
        std::os::unix::fs::chown(&directory, Some(user.uid), Some(user.gid))
            .with_context(|| format!("failed to hand `{directory}` to the server's user"))?;
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .context("failed to find a free port")?
            .port();
        let password = random_password().context("failed to read `/dev/urandom`")?;
        let server = Postgres { binaries: binaries.clone(), directory, port, user, password };
        let data = server.directory.join("data");
        let file = server.directory.join("password");
        write_private(&file, &server.password, user).with_context(|| format!("failed to write `{file}`"))?;
        let cluster = ["-D", data.as_str(), "-U", USER, "-A", "scram-sha-256", "--pwfile", file.as_str()];
        server.run("initdb", &[&cluster[..], &["-E", "UTF8", "--locale=C", "--no-sync"]].concat())?;
        let options = format!(
            "-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off -c max_connections=100",
            server.directory
        );
        let log = server.directory.join("log");
        let seconds = START.as_secs().to_string();
        server
            .run("pg_ctl", &["-D", data.as_str(), "-o", &options, "-l", log.as_str(), "-t", &seconds, "-w", "start"])?;
        Ok(server)
    }

    /// Returns the URL in the form of Django's `DATABASE_URL`.
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// Returns the URL for a client that has the server's socket, named `SOCKET`, in `folder`.
    pub fn url_by_socket(&self, folder: &str) -> String {
        format!("postgres://{USER}:{}@/postgres?host={folder}", self.password)
    }

    /// Returns the path of the server's Unix socket.
    pub fn socket(&self) -> Utf8PathBuf {
        self.directory.join(format!(".s.PGSQL.{}", self.port))
    }

    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        // Output goes to a file: a server that inherited a pipe would keep it open until it exits.
        let path = self.directory.join(format!("{program}.out"));
        let mut output = fs::File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(&path)
            .with_context(|| format!("failed to open `{path}`"))?;
        let (stdout, stderr) = (output.try_clone()?, output.try_clone()?);
        let started = Instant::now();
        let status = Command::new(self.binaries.folder.join(program))
            .args(arguments)
            .envs(self.binaries.libraries.iter().map(|value| ("LD_LIBRARY_PATH", value)))
            .current_dir(&self.directory)
            .stdout(stdout)
            .stderr(stderr)
            .uid(self.user.uid)
            .gid(self.user.gid)
            .status()
            .with_context(|| format!("failed to start `{program}`"))?;
        if status.success() {
            return Ok(());
        }
        output.flush()?;
        output.rewind()?;
        let output = std::io::read_to_string(output)?;
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        let tail = output.lines().chain(log.lines()).map(|line| format!("\n    {line}")).collect::<String>();
        Err(Failure::failed(format!(
            "`{program}` failed after {:.1} s: {status}{tail}",
            started.elapsed().as_secs_f32()
        ))
        .into())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.directory.join("data");
        // `immediate`: the next line removes the data.
        let _ = self.run("pg_ctl", &["-D", data.as_str(), "-m", "immediate", "-w", "stop"]);
        let _ = files::remove_directory(&self.directory);
    }
}

/// Programs of the server.
#[derive(Clone, Debug)]
pub struct Binaries {
    folder: Utf8PathBuf,
    libraries: Option<String>,
}

/// Finds the newest server in Debian's folders or on PATH, else unpacks one from the host's archive.
///
/// # Errors
/// No server was found and the archive cannot provide one.
pub fn binaries(root: &Utf8Path, report: &Report) -> anyhow::Result<Binaries> {
    let debian = Utf8Path::new("/usr/lib/postgresql");
    let path = std::env::var("PATH").unwrap_or_default();
    let found = newest(debian).or_else(|| path.split(':').map(Utf8PathBuf::from).find(|folder| is_server(folder)));
    if let Some(folder) = found {
        return Ok(Binaries { folder, libraries: None });
    }
    from_packages(root, "postgresql", report)
}

/// Unpacks the server of a package of the host's archive.
///
/// # Errors
/// The archive cannot provide one.
pub fn from_packages(root: &Utf8Path, package: &str, report: &Report) -> anyhow::Result<Binaries> {
    let unpacked = packages::unpacked(root, "postgresql", &[package], report)?;
    let folder = newest(&unpacked.file("/usr/lib/postgresql"))
        .ok_or_else(|| Failure::failed("the package `postgresql` has no server").hint("apt-get install postgresql"))?;
    Ok(Binaries { folder, libraries: Some(unpacked.libraries()) })
}

fn newest(versions: &Utf8Path) -> Option<Utf8PathBuf> {
    let folders = versions.read_dir_utf8().ok()?.flatten().map(|version| version.path().join("bin"));
    folders.filter(|folder| is_server(folder)).max()
}

fn is_server(folder: &Utf8Path) -> bool {
    folder.join("initdb").exists() && folder.join("pg_ctl").exists()
}

/// Returns 128 random bits in hexadecimal.
fn random_password() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only this user may read.
fn write_private(path: &Utf8Path, text: &str, user: User) -> io::Result<()> {
    let mut file = fs::File::options().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
}

fn unprivileged_user() -> anyhow::Result<User> {
    let passwd = fs::read_to_string("/etc/passwd").context("failed to read `/etc/passwd`")?;
    let entry = |name: &str| {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    };
    entry("postgres").or_else(|| entry("nobody")).context("failed to find the user `postgres` or `nobody`")
}

fn temporary_directory() -> anyhow::Result<Utf8PathBuf> {
    let base = Utf8PathBuf::from_path_buf(std::env::temp_dir())
        .map_err(|path| Failure::failed(format!("the temporary directory {} is not UTF-8", path.display())))?;
    let directory = base.join(format!("slipway-postgres-{}", std::process::id()));
    files::remove_directory(&directory)?;
    fs::create_dir(&directory).with_context(|| format!("failed to create `{directory}`"))?;
    Ok(directory)
}

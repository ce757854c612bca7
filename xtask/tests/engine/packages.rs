//! What the suites run on where the host lacks it: packages that are unpacked and not installed.

use camino::Utf8PathBuf;
use xtask::dev::{packages, postgres};
use xtask::report::{Output, Report};

#[test]
fn a_postgresql_server_comes_out_of_packages_and_goes_again() {
    let base = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap();
    let root = base.join(format!("slipway-packages-{}", std::process::id()));
    let report = Report::plain(Output::Human);
    // What is installed is not fetched again, so on a host that has a server that one is requested by its full name.
    let installed = camino::Utf8Path::new("/usr/lib/postgresql").read_dir_utf8().into_iter().flatten().flatten().next();
    let package = installed.map_or("postgresql".to_owned(), |version| format!("postgresql-{}", version.file_name()));
    let binaries = postgres::from_packages(&root, &package, &report).unwrap();
    // Starting waits until the server accepts connections.
    let server = postgres::Postgres::start(&binaries).unwrap();
    assert!(server.url().contains("@127.0.0.1:"));
    drop(server);
    // A second look takes what is there: nothing is fetched where there is no archive any more.
    let again = packages::unpacked(&root, "postgresql", &[&package], &report).unwrap();
    assert!(again.file("/usr/lib/postgresql").is_dir());
    std::fs::remove_dir_all(&root).unwrap();
}

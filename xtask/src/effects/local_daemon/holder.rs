//! The process that listens on a port of this machine. It is known on Linux only, and for another user's process only
//! as root.

use std::fs;
use std::net::SocketAddr;

use crate::effects::process;

/// State of a listening socket in `/proc/net/tcp` (include/net/tcp_states.h).
const LISTEN: &str = "0A";

/// Returns the process, such as `process 123 (nginx)`; `None` where it cannot be determined.
pub fn of(address: SocketAddr) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| fs::read_to_string(file).unwrap_or_default());
    let sockets: Vec<String> = tables.iter().flat_map(|table| listeners(table, address.port())).collect();
    let id = process::all_ids().into_iter().find(|id| holds(*id, &sockets))?;
    let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    Some(format!("process {id} ({})", name.trim()))
}

/// Returns the sockets that listen on a port, as links in `/proc/<id>/fd` name them. The second column is address and
/// port in hexadecimal digits, the fourth the state, the tenth the number of the socket (proc(5)).
fn listeners(table: &str, port: u16) -> Vec<String> {
    let listener = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (_, at) = columns.get(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(at, 16).ok()? == port && *columns.get(3)? == LISTEN;
        columns.get(9).filter(|_| is_it).map(|number| format!("socket:[{number}]"))
    };
    table.lines().filter_map(listener).collect()
}

fn holds(id: u32, sockets: &[String]) -> bool {
    let entries = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
    let links = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    links.into_iter().any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
}

#[cfg(test)]
mod tests {
    use super::{listeners, of};

    #[test]
    fn the_table_of_the_kernel_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:119E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n\
             1: 0100007F:119E 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 0 10 -1\n";
        assert_eq!(listeners(table, 4510), ["socket:[4711]"]);
        assert!(listeners(table, 4511).is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn our_own_listener_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of(listener.local_addr().unwrap()).unwrap();
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
    }
}

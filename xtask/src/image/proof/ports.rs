//! The check that the exposed ports of the image are those of the project.

use std::collections::BTreeSet;

use super::finding::{self, Findings, printable};
use crate::image::layout::Config;

/// Compares both sets of ports. Ports of other protocols than TCP are ignored: the project configures none.
pub(super) fn judge(config: &Config, expected: &BTreeSet<u16>, findings: &mut Findings) {
    let mut exposed = BTreeSet::new();
    for text in &config.exposed_ports {
        let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        match port.parse::<u16>() {
            Ok(port) if port > 0 && protocol == "tcp" => drop(exposed.insert(port)),
            Ok(port) if port > 0 && matches!(protocol, "udp" | "sctp") => {}
            _ => findings.add(&finding::PORT_MALFORMED, || {
                format!("the config exposes `{}`, which is no port", printable(text.as_bytes()))
            }),
        }
    }
    for port in expected.difference(&exposed) {
        findings.add(&finding::PORT_UNDECLARED, || {
            format!("the project says port {port}, but the image does not expose it")
        });
    }
    for port in exposed.difference(expected) {
        findings.add(&finding::PORT_UNEXPECTED, || {
            format!("the image exposes port {port}, but the project does not name it")
        });
    }
}

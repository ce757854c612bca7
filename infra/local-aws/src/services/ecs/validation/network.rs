//! Ports. All containers of a task share one network namespace.

use std::collections::BTreeSet;

use super::super::{one_of, refused};
use crate::error::Answer;
use crate::store::task_definition::TaskDefinition;

pub(super) fn check(definition: &TaskDefinition) -> Answer<()> {
    let (mut ports, mut names) = (BTreeSet::new(), BTreeSet::new());
    for container in &definition.container_definitions {
        for mapping in &container.port_mappings {
            let port = mapping.container_port;
            if port == 0 {
                return Err(refused(format!("Invalid containerPort of container '{}': 0", container.name)));
            }
            // 0 asks for any port, which there is none of but the container's own.
            if mapping.host_port.is_some_and(|host| host != 0 && host != port) {
                return Err(refused(
                    "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
                ));
            }
            let protocol = mapping.protocol.as_deref().unwrap_or("tcp");
            one_of("protocol", protocol, &["tcp", "udp"])?;
            if let Some(given) = &mapping.app_protocol {
                one_of("appProtocol", given, &["http", "http2", "grpc"])?;
            }
            if !ports.insert((port, protocol)) {
                return Err(refused(format!(
                    "When networkMode=awsvpc, container ports must be unique in a task: {port}/{protocol} is there more than \
                     once."
                )));
            }
            if let Some(name) = mapping.name.as_deref().filter(|name| !name.is_empty())
                && !names.insert(name)
            {
                return Err(refused(format!(
                    "Names of port mappings must be unique: '{name}' is there more than once."
                )));
            }
        }
    }
    Ok(())
}

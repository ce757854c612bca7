//! The network of the private engine: a bridge and one chain in each of two iptables tables. The daemon itself is
//! configured to leave iptables alone: a second daemon that manages the chains named `DOCKER` would flush those of the
//! user's engine.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::subnet::{self, Subnet};
use crate::effects::process;

const LIMIT: Duration = Duration::from_secs(20);
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
/// Table of each chain, and the built-in chain that jumps to it.
const HOOKS: [(&str, &str); 2] = [("nat", "POSTROUTING"), ("filter", "FORWARD")];

/// Content of the network record.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    pool: String,
    /// Whether the host forwarded packets before the engine's first start.
    forwarding_before: bool,
}

/// Network values for the daemon's configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    /// Address pool of all the engine's networks; the first /24 is the default network's.
    pub(super) pool: Subnet,
    /// MTU of the default route's interface, in bytes.
    pub(super) mtu: u32,
}

/// Creates the missing bridge and rules; existing ones are kept.
pub(super) fn up(place: &Place) -> anyhow::Result<Network> {
    let routes = fs::read_to_string("/proc/net/route").context("failed to read `/proc/net/route`")?;
    let pool = match recorded(place) {
        Some(pool) if is_up(place) || !subnet::parse_routes(&routes).iter().any(|route| route.overlaps(&pool)) => pool,
        _ => choose(place, &routes)?,
    };
    let mtu = subnet::default_interface(&routes)
        .and_then(|name| fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?.trim().parse().ok())
        .unwrap_or(1500);
    let bridge = place.bridge();
    if !is_up(place) {
        ip(place, &["link", "add", "name", &bridge, "type", "bridge"])?;
        ip(place, &["addr", "add", &format!("{}/24", pool.gateway()), "dev", &bridge])?;
    }
    ip(place, &["link", "set", &bridge, "up"])?;
    choose_iptables(place)?;
    let pool_text = pool.to_string();
    let chain = place.chain();
    for (table, hook) in HOOKS {
        if iptables(place, &["-t", table, "-n", "-L", &chain]).is_err() {
            iptables(place, &["-t", table, "-N", &chain])?;
        }
        if iptables(place, &["-t", table, "-C", hook, "-j", &chain]).is_err() {
            iptables(place, &["-t", table, "-I", hook, "1", "-j", &chain])?;
        }
        iptables(place, &["-t", table, "-F", &chain])?;
    }
    iptables(place, &["-t", "nat", "-A", &chain, "-s", &pool_text, "!", "-d", &pool_text, "-j", "MASQUERADE"])?;
    iptables(place, &["-A", &chain, "-s", &pool_text, "-j", "ACCEPT"])?;
    let answers = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"];
    iptables(place, &[&["-A", &chain, "-d", &pool_text][..], &answers].concat())?;
    Ok(Network { pool, mtu })
}

/// Removes the bridge, other bridges with addresses of the pool, and the rules. Needs the unpacked packages.
pub(super) fn down(place: &Place) -> anyhow::Result<()> {
    let chain = place.chain();
    for (table, hook) in HOOKS {
        // An interrupted start can leave more than one jump; each deletion removes one.
        while iptables(place, &["-t", table, "-D", hook, "-j", &chain]).is_ok() {}
        if iptables(place, &["-t", table, "-F", &chain]).is_ok() {
            iptables(place, &["-t", table, "-X", &chain])?;
        }
    }
    let mut bridges = vec![place.bridge()];
    if let Some(pool) = recorded(place) {
        bridges.extend(bridges_within(place, &pool)?);
    }
    for bridge in bridges {
        if fs::exists(format!("/sys/class/net/{bridge}")).unwrap_or(false) {
            ip(place, &["link", "del", &bridge])?;
        }
    }
    Ok(())
}

/// Restores packet forwarding to its state before the first start, unless another running engine needs it.
pub(super) fn restore_forwarding(place: &Place) {
    let Some(record) = read_record(place) else { return };
    let is_docker = |id: &u32| process::executable(*id).is_some_and(|file| file.ends_with("/dockerd"));
    if !record.forwarding_before && !process::all_ids().iter().any(is_docker) {
        // Without permission to write this setting now, it was not written before either.
        let _ = fs::write(FORWARDING, "0\n");
    }
}

/// Returns whether the bridge exists.
pub(super) fn is_up(place: &Place) -> bool {
    fs::exists(format!("/sys/class/net/{}", place.bridge())).unwrap_or(false)
}

fn choose(place: &Place, routes: &str) -> anyhow::Result<Subnet> {
    let Some(pool) = subnet::choose(&subnet::parse_routes(routes), place.seed()) else {
        bail!("every part of 172.16.0.0/12 is routed already, so the private engine has no addresses to use");
    };
    let forwarding_before = match read_record(place) {
        Some(record) => record.forwarding_before,
        None => fs::read_to_string(FORWARDING).is_ok_and(|text| text.trim() == "1"),
    };
    let record = serde_json::to_string(&Record { pool: pool.to_string(), forwarding_before })
        .context("failed to write the network record as JSON")?;
    let path = place.network_record();
    fs::write(&path, record).with_context(|| format!("failed to write `{path}`"))?;
    Ok(pool)
}

fn recorded(place: &Place) -> Option<Subnet> {
    Subnet::parse(&read_record(place)?.pool)
}

fn read_record(place: &Place) -> Option<Record> {
    serde_json::from_str(&fs::read_to_string(place.network_record()).ok()?).ok()
}

/// Returns the bridges that docker created for its networks (`br-…`) with an address of the pool.
fn bridges_within(place: &Place, pool: &Subnet) -> anyhow::Result<Vec<String>> {
    let text = ip(place, &["-o", "-4", "addr", "show"])?;
    let parse = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let name = words.next()?.trim_end_matches(':').to_owned();
        let address: Ipv4Addr =
            words.find(|word| *word == "inet").and(words.next())?.split('/').next()?.parse().ok()?;
        (name.starts_with("br-") && pool.contains(address)).then_some(name)
    };
    Ok(text.lines().filter_map(parse).collect())
}

/// Links `iptables` and `ip6tables` to the variant that this kernel supports. The distribution's alternatives
/// system, which makes that choice, does not run when packages are only unpacked.
fn choose_iptables(place: &Place) -> anyhow::Result<()> {
    let shim = place.folder().join("shim");
    fs::create_dir_all(&shim).with_context(|| format!("failed to create `{shim}`"))?;
    if shim.join("iptables").exists() && shim.join("ip6tables").exists() {
        return Ok(());
    }
    for variant in ["nft", "legacy"] {
        for name in ["iptables", "ip6tables"] {
            let Some(target) = place.program(&format!("{name}-{variant}")) else { continue };
            let link = shim.join(name);
            // A link to the other variant, from the previous iteration, is replaced.
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(&target, &link).with_context(|| format!("failed to link `{link}`"))?;
        }
        if iptables(place, &["-t", "nat", "-S"]).is_ok() && iptables(place, &["-t", "filter", "-S"]).is_ok() {
            return Ok(());
        }
    }
    bail!("this kernel offers neither nftables nor the older iptables to the private engine")
}

fn iptables(place: &Place, arguments: &[&str]) -> anyhow::Result<String> {
    // If the packages were deleted, the host's own program can still remove the rules.
    let shim = place.folder().join("shim/iptables");
    let mut command = Command::new(if shim.exists() { shim.as_str() } else { "iptables" });
    command.envs(place.library_variables());
    // `-w`: other processes change rules too, and the older variant has one lock for all.
    process::run(command.args(["-w", "10"]).args(arguments), LIMIT)
}

fn ip(place: &Place, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = match place.program("busybox") {
        Some(busybox) => Command::new(busybox),
        None => Command::new("env"),
    };
    process::run(command.arg("ip").args(arguments), LIMIT)
        .with_context(|| format!("failed to run `ip {}`", arguments.join(" ")))
}

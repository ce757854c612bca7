//! Selection of private addresses that do not overlap the host's routes. Pure functions.

use std::fmt;
use std::net::Ipv4Addr;

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// First address of the network.
    pub base: Ipv4Addr,
    /// Number of bits in the network part, 0 to 32.
    pub prefix: u8,
}

impl Subnet {
    /// Returns whether two networks share an address.
    pub fn overlaps(&self, other: &Subnet) -> bool {
        let mask = mask(self.prefix.min(other.prefix));
        u32::from(self.base) & mask == u32::from(other.base) & mask
    }

    /// Returns whether the network contains the address.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.overlaps(&Subnet { base: address, prefix: 32 })
    }

    /// Returns the first usable host address.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.base).saturating_add(1))
    }

    /// Parses a network such as `172.16.0.0/20`.
    pub fn parse(text: &str) -> Option<Subnet> {
        let (base, prefix) = text.split_once('/')?;
        let subnet = Subnet { base: base.parse().ok()?, prefix: prefix.parse().ok()? };
        (subnet.prefix <= 32).then_some(subnet)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

/// Parses the networks of `/proc/net/route`, without the default route. Addresses are numbers in host byte order.
pub fn parse_routes(text: &str) -> Vec<Subnet> {
    let parse = |line: &str| {
        let mut columns = line.split_whitespace().skip(1);
        let base = u32::from_str_radix(columns.next()?, 16).ok()?;
        let mask = u32::from_str_radix(columns.nth(5)?, 16).ok()?;
        let prefix = u8::try_from(mask.count_ones()).ok()?;
        (prefix > 0).then(|| Subnet { base: Ipv4Addr::from(base.to_ne_bytes()), prefix })
    };
    text.lines().skip(1).filter_map(parse).collect()
}

/// Returns the interface of the default route in `/proc/net/route`.
pub fn default_interface(text: &str) -> Option<&str> {
    text.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace();
        let name = columns.next()?;
        (columns.next()? == "00000000" && columns.nth(5)? == "00000000").then_some(name)
    })
}

/// Returns a /20 of 172.16.0.0/12 (RFC 1918) that overlaps none in `taken`: 16 networks of 256 addresses. The search
/// starts at `seed`, so that engines that start at the same moment do not all choose the same one.
pub fn choose(taken: &[Subnet], seed: usize) -> Option<Subnet> {
    const CANDIDATES: usize = 256;
    (0..CANDIDATES).map(|step| (seed % CANDIDATES + step) % CANDIDATES).find_map(|number| {
        let base = u32::from(Ipv4Addr::new(172, 16, 0, 0)) + (u32::try_from(number).ok()? << 12);
        let subnet = Subnet { base: Ipv4Addr::from(base), prefix: 20 };
        (!taken.iter().any(|other| other.overlaps(&subnet))).then_some(subnet)
    })
}

#[cfg(test)]
mod tests {
    use super::{Subnet, choose, default_interface, parse_routes};

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                          eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                          docker0\t004D1EAC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";

    fn subnet(text: &str) -> Subnet {
        Subnet::parse(text).unwrap()
    }

    #[test]
    fn routes_of_the_kernel() {
        assert_eq!(parse_routes(ROUTES), [subnet("172.30.77.0/24")]);
        assert_eq!(default_interface(ROUTES), Some("eth0"));
        assert_eq!(parse_routes("nonsense\n1 2\n"), []);
    }

    #[test]
    fn the_choice_avoids_what_is_taken() {
        assert_eq!(choose(&[], 0), Some(subnet("172.16.0.0/20")));
        assert_eq!(choose(&[subnet("172.16.3.0/24")], 0), Some(subnet("172.16.16.0/20")));
        assert_eq!(choose(&[subnet("172.31.240.0/20")], 255), Some(subnet("172.16.0.0/20")));
        assert_eq!(choose(&[subnet("172.16.0.0/12")], 7), None);
        assert_eq!(choose(&[subnet("10.0.0.0/8")], 256), Some(subnet("172.16.0.0/20")));
    }

    #[test]
    fn membership() {
        let pool = subnet("172.20.16.0/20");
        assert!(pool.contains("172.20.31.255".parse().unwrap()));
        assert!(!pool.contains("172.20.32.0".parse().unwrap()));
        assert_eq!(pool.gateway().to_string(), "172.20.16.1");
        assert_eq!(pool.to_string(), "172.20.16.0/20");
        assert!(Subnet::parse("172.20.16.0/33").is_none() && Subnet::parse("x/8").is_none());
    }
}

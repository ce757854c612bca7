//! AWS's partitions: groups of regions that share nothing but their form. ARNs, host names and accounts of one mean nothing
//! in another. Not here: the names of regions (`parse/regions`).

/// A group of regions with accounts, names and hosts of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// What stands in its ARNs, such as `aws` or `aws-cn`.
    pub name: &'static str,
    /// What its services' hosts end in, such as `amazonaws.com`.
    pub dns_suffix: &'static str,
}

/// What the regions begin with, and their partition; as `partitions.json` of AWS's SDKs has them.
const BY_PREFIX: [(&str, Partition); 7] = [
    ("cn-", Partition { name: "aws-cn", dns_suffix: "amazonaws.com.cn" }),
    ("us-gov-", Partition { name: "aws-us-gov", dns_suffix: "amazonaws.com" }),
    ("us-iso-", Partition { name: "aws-iso", dns_suffix: "c2s.ic.gov" }),
    ("us-isob-", Partition { name: "aws-iso-b", dns_suffix: "sc2s.sgov.gov" }),
    ("eu-isoe-", Partition { name: "aws-iso-e", dns_suffix: "cloud.adc-e.uk" }),
    ("us-isof-", Partition { name: "aws-iso-f", dns_suffix: "csp.hci.ic.gov" }),
    ("eusc-", Partition { name: "aws-eusc", dns_suffix: "amazonaws.eu" }),
];

const COMMERCIAL: Partition = Partition { name: "aws", dns_suffix: "amazonaws.com" };

/// The partition of a region. One that is not known by its name is taken for one of `aws`, where most new ones are.
pub fn partition_of(region: &str) -> Partition {
    let of = BY_PREFIX.iter().find(|(prefix, _)| region.starts_with(prefix));
    of.map_or(COMMERCIAL, |(_, partition)| *partition)
}

#[cfg(test)]
mod tests {
    use super::partition_of;

    fn check(region: &str, name: &str, dns_suffix: &str) {
        let partition = partition_of(region);
        assert_eq!((partition.name, partition.dns_suffix), (name, dns_suffix), "{region}");
    }

    #[test]
    fn regions_of_all_partitions() {
        check("eu-central-1", "aws", "amazonaws.com");
        check("us-west-2", "aws", "amazonaws.com");
        check("mx-central-1", "aws", "amazonaws.com");
        check("cn-northwest-1", "aws-cn", "amazonaws.com.cn");
        check("us-gov-west-1", "aws-us-gov", "amazonaws.com");
        check("us-iso-east-1", "aws-iso", "c2s.ic.gov");
        check("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov");
        check("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk");
        check("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov");
        check("eusc-de-east-1", "aws-eusc", "amazonaws.eu");
    }
}

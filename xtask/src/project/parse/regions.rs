//! AWS regions: the shape of their names in every partition, and the known ones for suggestions. A region that is not
//! known yet is accepted by its shape.

/// Regions of the partitions `aws`, `aws-cn`, `aws-us-gov` and `aws-eusc`. Only suggestions depend on the list.
pub(super) const KNOWN: [&str; 38] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

const DIRECTIONS: [&str; 9] =
    ["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];

/// `<area>-<direction>-<number>`, with one more word in partitions of their own (`us-gov-west-1`, `us-iso-east-1`).
pub(super) fn is_region(text: &str) -> bool {
    let letters = |part: &str, longest: usize| {
        (2..=longest).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let (area, direction, number) = match text.split('-').collect::<Vec<_>>().as_slice() {
        [area, direction, number] => (*area, *direction, *number),
        [area, partition, direction, number] if letters(partition, 4) => (*area, *direction, *number),
        _ => return false,
    };
    let number = number.len() <= 2 && !number.starts_with('0') && number.parse::<u8>().is_ok();
    letters(area, 4) && DIRECTIONS.contains(&direction) && number
}

/// The region of an availability zone such as `eu-central-1a`.
pub(super) fn of_zone(text: &str) -> Option<&str> {
    let region = text.strip_suffix(|c: char| c.is_ascii_lowercase())?;
    is_region(region).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, is_region, of_zone};

    #[test]
    fn regions_of_all_partitions() {
        for region in KNOWN.into_iter().chain(["us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eu-central-12"]) {
            assert!(is_region(region), "{region}");
        }
        for other in ["", "eu", "eu-central", "eu-central-1a", "eu-middle-1", "EU-central-1", "eu-central-0", "-east-1"]
        {
            assert!(!is_region(other), "{other}");
        }
        assert_eq!(of_zone("eu-central-1a"), Some("eu-central-1"));
        assert_eq!(of_zone("eu-central-1"), None);
    }
}

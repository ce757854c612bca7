//! What the local AWS emulator is given at its start: what `infra up` leaves on AWS for an environment. Pure: the document
//! is a value. What the emulator makes of it is its own business.

use serde_json::{Value, json};

use crate::project::Local;

pub use crate::project::names::{Names, names};

/// The account that everything in the emulator belongs to, as its own `settings` have it.
pub const ACCOUNT: &str = "123456789012";

/// The one file system: where SQLite's file lies, and whatever else outlives tasks. An id of AWS's form (`fs-` and 8 to
/// 40 hexadecimal digits) that can be typed.
pub const FILE_SYSTEM: &str = "fs-00000001";

/// Seconds between two health checks. AWS takes 5 and more; that is too long for a laptop.
const CHECK_INTERVAL: u32 = 1;

/// Passes and failures in a row (Elastic Load Balancing API, CreateTargetGroup: at least 2).
const THRESHOLD: u32 = 2;

/// Seconds that a draining task may finish its requests: the longest read timeout of the front (50 s) and some more.
const DEREGISTRATION_DELAY: u32 = 60;

/// The default port of targets. ECS registers each with its container's own, so it is never used; AWS wants one.
const TARGET_PORT: u16 = 80;

/// The seed, in the shape of the emulator's own `seed` module.
pub fn seed(names: &Names, local: &Local) -> Value {
    json!({
        "clusters": [names.cluster],
        "repositories": names.repositories,
        "loadBalancers": [{
            "name": names.balancer,
            "listen": local.balancer,
            "targetPort": TARGET_PORT,
            "healthCheckPath": local.health_check_path,
            "healthCheckIntervalSeconds": CHECK_INTERVAL,
            "healthyThreshold": THRESHOLD,
            "unhealthyThreshold": THRESHOLD,
            "deregistrationDelaySeconds": DEREGISTRATION_DELAY,
        }],
        "roles": [names.execution_role, names.task_role],
        "logGroups": [names.log_group],
        "fileSystems": [FILE_SYSTEM],
        "randomParameters": [names.secret_key],
    })
}

#[cfg(test)]
mod tests {
    use super::{names, seed};
    use crate::project::{EnvironmentName, parse};

    #[test]
    fn the_seed_has_a_repository_for_each_image_and_names_of_the_project() {
        let project = "[project]\nname = \"shop\"\nplatform = \"linux/amd64\"\n[images.web]\ncontext = \"web\"\n[images.front]\ncontext = \".\"\n";
        let project = parse::project(project).unchecked().unwrap();
        let text = "region = \"eu-central-1\"\ncluster = \"mine\"\n[task]\ncpu = 256\nmemory = 512\ncount = 1\n\
                    [local]\nbalancer = \"127.0.0.1:9000\"\nhealth-check-path = \"/up\"\n";
        let environment = parse::environment(EnvironmentName::LOCAL, text, &project).unwrap();
        let seed = seed(&names(&project, &environment), environment.local.as_ref().unwrap());
        assert_eq!(seed["clusters"], serde_json::json!(["mine"]));
        assert_eq!(seed["repositories"], serde_json::json!(["shop/web", "shop/front"]));
        assert_eq!(seed["loadBalancers"][0]["listen"], "127.0.0.1:9000");
        assert_eq!(seed["loadBalancers"][0]["healthCheckPath"], "/up");
        assert_eq!(seed["randomParameters"], serde_json::json!(["/shop/local/SECRET_KEY"]));
        assert_eq!(seed["roles"], serde_json::json!(["shop-execution", "shop-task"]));
    }
}

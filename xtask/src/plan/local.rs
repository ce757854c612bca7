//! The seed of the local AWS emulator: the resources that `infra up` creates on AWS for an environment. Pure: the
//! document is a value. Not here: applying it (`seed` in `infra/local-aws`).

use serde_json::{Value, json};

use crate::project::Local;

pub use aws_facts::LOCAL_ACCOUNT as ACCOUNT;

pub use crate::project::names::{Names, names};

/// Id of the only file system, which stores SQLite's file and other data that outlives tasks. It has AWS's form (`fs-`
/// and 8 to 40 hexadecimal digits) and is easy to type.
pub const FILE_SYSTEM: &str = "fs-00000001";

/// Seconds between two health checks. The minimum of AWS is 5, which is too long for a laptop.
const CHECK_INTERVAL: u32 = 1;

/// Consecutive passes or failures that change a target's health (ELB API, CreateTargetGroup: at least 2).
const THRESHOLD: u32 = 2;

/// Seconds that a draining task has to finish its requests: the longest read timeout of the front (50 s) plus a margin.
const DEREGISTRATION_DELAY: u32 = 60;

/// Default port of targets. AWS requires one. Unused, because ECS registers each target with its container's port.
const TARGET_PORT: u16 = 80;

/// Returns the seed in the format of the emulator's `seed` module.
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

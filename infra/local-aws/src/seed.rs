//! What is there at the start, as `infra up` leaves it on AWS. `cargo xtask local start` writes the document; applying it
//! twice changes nothing, and what somebody has made or changed since is left alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::Utf8Path;
use serde::Deserialize;

use crate::settings::Settings;
use crate::store::State;
use crate::store::ecr::Repository;
use crate::store::ecs::Cluster;
use crate::store::elb::{Elb, LoadBalancer, TargetGroup, load_balancer_arn, target_group_arn};
use crate::store::logs::LogGroup;
use crate::store::ssm::{Parameter, ParameterType};
use crate::time::Timestamp;

/// The document behind `--seed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seed {
    /// Names of ECS clusters.
    #[serde(default)]
    pub clusters: Vec<String>,
    /// Names of ECR repositories.
    #[serde(default)]
    pub repositories: Vec<String>,
    /// Load balancers, each with one listener and one target group.
    #[serde(default)]
    pub load_balancers: Vec<SeedLoadBalancer>,
    /// Names of roles that a task definition may point to.
    #[serde(default)]
    pub roles: Vec<String>,
    /// CloudWatch log groups.
    #[serde(default)]
    pub log_groups: Vec<String>,
    /// Ids of EFS file systems: folders under `state` that outlive tasks.
    #[serde(default)]
    pub file_systems: Vec<String>,
    /// SSM parameters, made as `String` where they do not exist.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// SSM parameters that get a random value of 50 characters, made as `SecureString` where they do not exist.
    #[serde(default)]
    pub random_parameters: Vec<String>,
}

/// One load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedLoadBalancer {
    /// Name of the load balancer and of its target group.
    pub name: String,
    /// Where it listens: loopback only.
    pub listen: SocketAddr,
    /// Default port of targets.
    pub target_port: u16,
    /// Path of the health check.
    pub health_check_path: String,
    /// Seconds between two checks of one target. AWS: 5 to 300; the emulator takes 1 too, so that no test waits needlessly.
    pub health_check_interval_seconds: u32,
    /// Checks in a row that make a target healthy. AWS: 2 to 10.
    pub healthy_threshold: u32,
    /// Checks in a row that make a target unhealthy. AWS: 2 to 10.
    pub unhealthy_threshold: u32,
    /// How long a draining target may finish its requests, in seconds. AWS: 0 to 3600.
    pub deregistration_delay_seconds: u32,
}

impl Seed {
    /// Reads the document.
    ///
    /// # Errors
    /// What is wrong, and where in the file.
    pub fn load(file: &Utf8Path) -> Result<Seed, String> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("failed to read `{file}`: {error}"))?;
        Seed::parse(&text).map_err(|problem| format!("`{file}`: {problem}"))
    }

    fn parse(text: &str) -> Result<Seed, String> {
        let seed: Seed = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (at, balancer) in seed.load_balancers.iter().enumerate() {
            if !balancer.listen.ip().is_loopback() {
                let problem = "can be reached from outside: only loopback addresses are served";
                return Err(format!("loadBalancers[{at}].listen: {} {problem}", balancer.listen));
            }
        }
        let names = [
            ("clusters", &seed.clusters),
            ("repositories", &seed.repositories),
            ("roles", &seed.roles),
            ("logGroups", &seed.log_groups),
            ("fileSystems", &seed.file_systems),
            ("randomParameters", &seed.random_parameters),
        ];
        for (list, names) in names {
            if let Some(at) = names.iter().position(String::is_empty) {
                return Err(format!("{list}[{at}]: a name is empty"));
            }
        }
        Ok(seed)
    }
}

impl SeedLoadBalancer {
    /// Creates the load balancer, its listener and its target group. Existing ones stay as they are.
    pub fn create(&self, elb: &mut Elb, settings: &Settings, now: Timestamp) {
        let group = target_group_arn(settings, &self.name);
        if !elb.target_groups.contains_key(&group) {
            let mut made = TargetGroup::new(&self.name, self.target_port);
            made.health_check.path.clone_from(&self.health_check_path);
            made.health_check.interval_seconds = self.health_check_interval_seconds;
            made.health_check.timeout_seconds =
                made.health_check.timeout_seconds.min(self.health_check_interval_seconds.max(2));
            made.health_check.healthy_threshold = self.healthy_threshold;
            made.health_check.unhealthy_threshold = self.unhealthy_threshold;
            made.deregistration_delay_seconds = self.deregistration_delay_seconds;
            elb.target_groups.insert(group.clone(), made);
        }
        let arn = load_balancer_arn(settings, &self.name);
        elb.load_balancers.entry(arn).or_insert_with(|| {
            let mut made = LoadBalancer::new(&self.name, now);
            made.listen(settings, self.listen, group);
            made
        });
    }
}

/// Brings into the state what is missing from it; `true` if anything was.
pub fn apply(
    state: &mut State,
    seed: &Seed,
    settings: &Settings,
    now: Timestamp,
    random: &mut dyn FnMut() -> String,
) -> bool {
    let mut changed = false;
    for name in &seed.clusters {
        let cluster = state.ecs.clusters.entry(name.clone()).or_insert_with(|| {
            changed = true;
            Cluster { name: name.clone(), status: "ACTIVE".into(), tags: Vec::new() }
        });
        // One that was deleted is made again, as `CreateCluster` does it.
        if cluster.status != "ACTIVE" {
            cluster.status = "ACTIVE".into();
            changed = true;
        }
    }
    for name in &seed.repositories {
        changed |= add(&mut state.ecr.repositories, name, || Repository::new(now));
    }
    for balancer in &seed.load_balancers {
        let before = (state.elb.load_balancers.len(), state.elb.target_groups.len());
        balancer.create(&mut state.elb, settings, now);
        changed |= before != (state.elb.load_balancers.len(), state.elb.target_groups.len());
    }
    for (names, known) in [(&seed.roles, &mut state.ecs.roles), (&seed.file_systems, &mut state.ecs.file_systems)] {
        for name in names.iter().filter(|name| !known.contains(name)).cloned().collect::<Vec<_>>() {
            known.push(name);
            changed = true;
        }
    }
    for name in &seed.log_groups {
        changed |= add(&mut state.logs.groups, name, || LogGroup { created_at: now, ..LogGroup::default() });
    }
    let parameter =
        |kind, value| Parameter { kind, value, version: 1, last_modified: now, description: None, tags: Vec::new() };
    for (name, value) in &seed.parameters {
        changed |= add(&mut state.ssm.parameters, name, || parameter(ParameterType::String, value.clone()));
    }
    for name in &seed.random_parameters {
        changed |= add(&mut state.ssm.parameters, name, || parameter(ParameterType::SecureString, random()));
    }
    changed
}

fn add<T>(known: &mut BTreeMap<String, T>, name: &str, make: impl FnOnce() -> T) -> bool {
    let is_new = !known.contains_key(name);
    if is_new {
        known.insert(name.to_owned(), make());
    }
    is_new
}

/// 50 random characters: as many as Django wants in a key.
pub fn random() -> String {
    let bytes: Vec<u8> = (0..3).flat_map(|_| uuid::Uuid::new_v4().into_bytes()).collect();
    let mut text = URL_SAFE_NO_PAD.encode(bytes);
    text.truncate(50);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
        "clusters": ["c"], "repositories": ["a/b"], "roles": ["r"], "logGroups": ["/g"], "fileSystems": ["fs-1"],
        "loadBalancers": [{ "name": "web", "listen": "127.0.0.1:8080", "targetPort": 80, "healthCheckPath": "/",
            "healthCheckIntervalSeconds": 1, "healthyThreshold": 2, "unhealthyThreshold": 2,
            "deregistrationDelaySeconds": 5 }],
        "parameters": { "/p/plain": "v" }, "randomParameters": ["/p/secret"]
    }"#;

    fn settings() -> Settings {
        Settings {
            endpoint: "127.0.0.1:1".parse().unwrap(),
            region: "eu-central-1".into(),
            state: "/state".into(),
            engine: String::new(),
            instance: String::new(),
        }
    }

    fn json(state: &State) -> String {
        serde_json::to_string(state).unwrap()
    }

    #[test]
    fn what_is_missing_is_made_once_and_what_was_changed_stays() {
        let seed = Seed::parse(TEXT).unwrap();
        let mut state = State::default();
        let grow = |state: &mut State, now| apply(state, &seed, &settings(), Timestamp::from_millis(now), &mut random);
        assert!(grow(&mut state, 1));
        assert_eq!(state.ssm.parameters["/p/secret"].value.len(), 50);
        assert_eq!(state.elb.target_groups.len(), 1);
        let first = json(&state);
        assert!(!grow(&mut state, 2));
        assert_eq!(json(&state), first);
        state.ssm.parameters.get_mut("/p/plain").unwrap().value = "changed".into();
        state.logs.groups.get_mut("/g").unwrap().retention_days = Some(7);
        let changed = json(&state);
        assert!(!grow(&mut state, 3));
        assert_eq!(json(&state), changed);
        state.ecs.clusters.get_mut("c").unwrap().status = "INACTIVE".into();
        state.ecr.repositories.clear();
        assert!(grow(&mut state, 4));
        assert_eq!(state.ecs.clusters["c"].status, "ACTIVE");
        assert_eq!(state.ecr.repositories.len(), 1);
    }

    #[test]
    fn the_same_seed_gives_the_same_arns() {
        let seed = Seed::parse(TEXT).unwrap();
        let arns = |now| {
            let mut state = State::default();
            apply(&mut state, &seed, &settings(), Timestamp::from_millis(now), &mut random);
            (state.elb.load_balancers.into_keys().next(), state.elb.target_groups.into_keys().next())
        };
        assert_eq!(arns(1), arns(2));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let check = |text: &str, words: &str| {
            let problem = Seed::parse(text).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        };
        check("{\n  \"cluster\": []\n}", "unknown field `cluster`");
        check("{\n  \"cluster\": []\n}", "line 2 column 11");
        check("{", "line 1 column 1");
        check("", "EOF");
        check("{\"clusters\": [\"a\", \"\"]}", "clusters[1]: a name is empty");
        check(&TEXT.replace("127.0.0.1:8080", "0.0.0.0:8080"), "loadBalancers[0].listen");
        assert!(Seed::load(Utf8Path::new("/none/seed.json")).unwrap_err().contains("/none/seed.json"));
    }

    #[test]
    fn creates_a_load_balancer_once_and_keeps_later_changes() {
        let settings = Settings {
            endpoint: "127.0.0.1:1".parse().unwrap(),
            region: "eu-central-1".into(),
            state: "/state".into(),
            engine: String::new(),
            instance: String::new(),
        };
        let wanted = SeedLoadBalancer {
            name: "web".into(),
            listen: "127.0.0.1:8080".parse().unwrap(),
            target_port: 80,
            health_check_path: "/healthz".into(),
            health_check_interval_seconds: 1,
            healthy_threshold: 2,
            unhealthy_threshold: 3,
            deregistration_delay_seconds: 30,
        };
        let mut elb = Elb::default();
        wanted.create(&mut elb, &settings, Timestamp::default());
        let (arn, made) = elb.load_balancers.first_key_value().unwrap();
        assert!(arn.starts_with("arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/web/"));
        assert!(arn.ends_with(&made.id) && made.id.len() == 16);
        let listener = made.listener.clone().unwrap();
        assert!(listener.arn.contains(&format!(":listener/app/web/{}/", made.id)));
        assert!(listener.rule_arn().starts_with(&listener.arn.replace(":listener/", ":listener-rule/")));
        assert_eq!(elb.load_balancer_of(&listener.target_group).unwrap().0, arn);
        elb.target_groups.values_mut().next().unwrap().deregistration_delay_seconds = 7;
        wanted.create(&mut elb, &settings, Timestamp::default());
        assert_eq!((elb.load_balancers.len(), elb.target_groups.len()), (1, 1));
        assert_eq!(elb.target_groups[&listener.target_group].deregistration_delay_seconds, 7);
    }
}

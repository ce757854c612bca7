//! Plays runner and balancer over a state, in steps of 100 ms, and asks the scheduler exactly when the daemon would:
//! after a change, and when it said so. After every tick the rules are checked.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use local_aws::scheduler::{Tick, tick_with};
use local_aws::store::State;
use local_aws::store::elb::TargetState;
use local_aws::store::task::{Health, Stop, StopCode, Task, TaskStatus};
use local_aws::time::Timestamp;

use crate::emulator::{self, GROUP, KEY, Shape};

/// `SplitMix64`: the same numbers for the same seed, everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

/// What becomes of the tasks of a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Serves,
    CannotStart,
    ExitsAtOnce,
    FailsTargetChecks,
    FailsContainerCheck,
}

pub(crate) struct Simulator {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) dice: Dice,
    pub(crate) fates: BTreeMap<String, Fate>,
    /// Not before this moment does a task take its next step.
    timers: BTreeMap<String, Timestamp>,
    created: u64,
    due: Option<Timestamp>,
    /// Whether somebody has changed the state since the last tick.
    pub(crate) dirty: bool,
    /// Compares whole documents: slow.
    pub(crate) thorough: bool,
    /// Moments at which tasks were started.
    pub(crate) starts: Vec<Timestamp>,
}

impl Simulator {
    pub(crate) fn new(seed: u64, shape: Shape, fate: Fate) -> Simulator {
        let now = Timestamp::from_millis(emulator::START);
        let mut simulator = Simulator {
            state: emulator::state(),
            now,
            dice: Dice(seed),
            fates: BTreeMap::new(),
            timers: BTreeMap::new(),
            created: 0,
            due: None,
            dirty: true,
            thorough: true,
            starts: vec![],
        };
        let revision = simulator.register(shape.checked, fate);
        emulator::create(&mut simulator.state, shape, &revision, now);
        simulator
    }

    pub(crate) fn register(&mut self, checked: bool, fate: Fate) -> String {
        let arn = emulator::register(&mut self.state, checked);
        self.fates.insert(arn.clone(), fate);
        arn
    }

    /// Registers a revision and rolls it out.
    pub(crate) fn update(&mut self, checked: bool, fate: Fate) -> String {
        let arn = self.register(checked, fate);
        emulator::update(&mut self.state, &arn, self.now);
        self.dirty = true;
        arn
    }

    /// Does something to the state, as a call of the API would.
    pub(crate) fn call<T>(&mut self, change: impl FnOnce(&mut State) -> T) -> T {
        self.dirty = true;
        change(&mut self.state)
    }

    /// The daemon is killed and started again.
    pub(crate) fn restart(&mut self) {
        let document = serde_json::to_vec(&self.state).unwrap();
        self.state = serde_json::from_slice(&document).unwrap();
        self.dirty = true;
    }

    /// Steps until `enough`, for at most so many seconds.
    pub(crate) fn run_until(&mut self, seconds: u64, enough: impl Fn(&Simulator) -> bool) {
        let end = self.now.after(Duration::from_secs(seconds));
        while !enough(self) {
            assert!(self.now < end, "not within {seconds} s: {}", self.summary());
            self.step();
        }
    }

    pub(crate) fn run(&mut self, seconds: u64) {
        let end = self.now.after(Duration::from_secs(seconds));
        while self.now < end {
            self.step();
        }
    }

    pub(crate) fn run_until_steady(&mut self, seconds: u64) {
        self.run_until(seconds, |simulator| !simulator.dirty && emulator::service(&simulator.state).steady_announced);
    }

    pub(crate) fn step(&mut self) {
        self.now = self.now.after(Duration::from_millis(100));
        self.play();
        // As the daemon's loop: each tick that changes something is followed by another.
        let mut ticks = 0;
        while self.dirty || self.due.is_some_and(|due| due <= self.now) {
            let tick = self.tick();
            self.dirty = tick.changed;
            self.due = tick.due;
            assert!(tick.due.is_none_or(|due| due > self.now), "a tick that asks for itself");
            ticks += 1;
            assert!(ticks < 8, "ticks that never end: {}", self.summary());
        }
    }

    fn tick(&mut self) -> Tick {
        let before = self.thorough.then(|| serde_json::to_string(&self.state).unwrap());
        let healthy: Vec<String> =
            self.tasks().filter(|task| self.is_healthy(task)).map(|task| task.id.clone()).collect();
        let known = self.created;
        let completed = self.told("deployment completed.");
        let deployments = self.state.ecs.services.get(KEY).map(|service| &service.deployments);
        let primary = deployments.and_then(|deployments| deployments.first());
        let primary = primary.map(|primary| (primary.id.clone(), primary.next_start));
        let Simulator { state, created, .. } = self;
        let tick = tick_with(state, self.now, &mut || {
            *created += 1;
            format!("{created:032x}")
        });
        if let Some(before) = before {
            let after = serde_json::to_string(&self.state).unwrap();
            assert_eq!(tick.changed, before != after, "{before}\n{after}");
        }
        self.check(&healthy, (self.created - known) as u32, primary);
        if self.told("deployment completed.") > completed {
            self.check_completed(&healthy);
        }
        tick
    }

    /// The rules of rolling deployments.
    fn check(&mut self, healthy: &[String], started: u32, primary: Option<(String, Timestamp)>) {
        let Some(service) = self.state.ecs.services.get(KEY) else { return };
        let kept = healthy.iter().filter(|id| self.state.ecs.tasks[*id].stop.is_none()).count() as u32;
        let configuration = &service.deployment_configuration;
        let minimum = (service.desired_count * configuration.minimum_healthy_percent).div_ceil(100);
        let maximum = service.desired_count * configuration.maximum_percent / 100;
        if service.status == "ACTIVE" {
            assert!(kept == healthy.len() as u32 || kept >= minimum, "{kept} of {minimum} left: {}", self.summary());
            assert_eq!(service.deployments[0].status, "PRIMARY");
        }
        assert!(service.deployments.iter().skip(1).all(|deployment| deployment.status == "ACTIVE"));
        let occupying = self.tasks().filter(|task| task.last_status <= TaskStatus::Running).count() as u32;
        assert!(started == 0 || occupying <= maximum, "{occupying} of {maximum}: {}", self.summary());
        if started > 0 {
            let same = primary.filter(|(id, _)| *id == service.deployments[0].id);
            assert!(same.is_none_or(|(_, next_start)| next_start <= self.now), "started too early: {}", self.summary());
            self.starts.extend(std::iter::repeat_n(self.now, started as usize));
        }
        assert!(service.events.len() <= 100 && service.service_deployments.len() <= 100);
        let ongoing = service.service_deployments.iter().filter(|record| record.finished_at.is_none()).count();
        assert!(ongoing <= 1, "two deployments at once");
    }

    /// A deployment is completed when all its tasks are healthy and no other one's task can get requests.
    fn check_completed(&self, healthy: &[String]) {
        let service = emulator::service(&self.state);
        let id = Some(service.deployments[0].id.as_str());
        let ours = healthy.iter().filter(|task| self.state.ecs.tasks[*task].started_by.as_deref() == id).count();
        assert_eq!(ours as u32, service.desired_count, "{}", self.summary());
        let others = self.tasks().filter(|task| task.started_by.as_deref() != id);
        assert!(others.into_iter().all(|task| task.last_status > TaskStatus::Deactivating), "{}", self.summary());
        assert_eq!(service.deployments.len(), 1);
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.state.ecs.tasks.values()
    }

    /// Tasks that should run and do.
    pub(crate) fn running(&self) -> Vec<&Task> {
        self.tasks().filter(|task| task.stop.is_none() && task.last_status == TaskStatus::Running).collect()
    }

    pub(crate) fn is_healthy(&self, task: &Task) -> bool {
        let definition = &self.state.ecs.revision(&task.task_definition).unwrap().definition;
        let checked = definition.container_definitions.iter().any(|container| container.health_check.is_some());
        let target = task.load_balancers.is_empty()
            || self.state.elb.target_groups[GROUP].targets.iter().any(|target| {
                Some(target.address.to_string()) == task.private_ip && target.state == TargetState::Healthy
            });
        let proven = checked
            || !task.load_balancers.is_empty()
            || task.started_at.is_some_and(|start| self.now.since(start) >= Duration::from_secs(3));
        task.last_status == TaskStatus::Running
            && task.stop.is_none()
            && task.health != Health::Unhealthy
            && (!checked || task.health == Health::Healthy)
            && target
            && proven
    }

    pub(crate) fn events(&self) -> Vec<&str> {
        let service = self.state.ecs.services.get(KEY);
        service.iter().flat_map(|service| &service.events).map(|event| event.message.as_str()).collect()
    }

    pub(crate) fn told(&self, part: &str) -> usize {
        self.events().iter().filter(|message| message.contains(part)).count()
    }

    pub(crate) fn summary(&self) -> String {
        let service = &self.state.ecs.services[KEY];
        let tasks = self.tasks().filter(|task| task.last_status != TaskStatus::Stopped).map(|task| {
            let id = task.id.trim_start_matches('0');
            format!("\n  {id} {:?} {:?} {:?} {:?}", task.started_by, task.last_status, task.health, task.stop)
        });
        let deployments = service.deployments.iter().map(|deployment| {
            format!(
                "\n  {} {} {} {} failed {}",
                deployment.id,
                deployment.status,
                deployment.task_definition,
                deployment.rollout_state,
                deployment.failed_tasks
            )
        });
        let events = service.events.iter().take(12).map(|event| format!("\n  {}", event.message));
        format!(
            "{} desired {}{}{}{}",
            service.status,
            service.desired_count,
            deployments.collect::<String>(),
            tasks.collect::<String>(),
            events.collect::<String>()
        )
    }

    /// One step of runner and balancer.
    fn play(&mut self) {
        let Simulator { state, now, dice, fates, timers, dirty, .. } = self;
        let now = *now;
        let targets = &mut state.elb.target_groups.get_mut(GROUP).unwrap();
        for task in state.ecs.tasks.values_mut() {
            let timer =
                timers.entry(task.id.clone()).or_insert_with(|| now.after(Duration::from_millis(dice.roll(900))));
            if *timer > now {
                continue;
            }
            let fate = fates[&task.task_definition];
            if !advance(task, fate, targets, now, dice) {
                continue;
            }
            task.version += 1;
            *dirty = true;
            // Sooner than any check could find it healthy.
            let longest = if fate == Fate::ExitsAtOnce { 400 } else { 900 };
            *timer = now.after(Duration::from_millis(dice.roll(longest)));
        }
        let ready = |since: Timestamp, dice: &mut Dice| now.since(since).as_millis() as u64 > 500 + dice.roll(1500);
        for target in &mut targets.targets {
            let owner = state.ecs.tasks.values().find(|task| task.private_ip == Some(target.address.to_string()));
            let fails = owner.is_some_and(|task| fates[&task.task_definition] == Fate::FailsTargetChecks);
            if target.state == TargetState::Initial && ready(target.registered_at, dice) {
                *dirty = true;
                target.state = if fails { TargetState::Unhealthy } else { TargetState::Healthy };
                target.description = fails.then(|| "Health checks failed with these codes: [502]".into());
            }
        }
        let before = targets.targets.len();
        targets.targets.retain(|target| target.draining_since.is_none_or(|since| !ready(since, dice)));
        *dirty |= targets.targets.len() != before;
    }
}

/// Takes a task one step on. Says whether there was one to take.
fn advance(
    task: &mut Task,
    fate: Fate,
    targets: &mut local_aws::store::elb::TargetGroup,
    now: Timestamp,
    dice: &mut Dice,
) -> bool {
    let mut end = |task: &mut Task, code, reason: &str| {
        if task.stop.is_none() {
            task.stop = Some(Stop { code, reason: reason.into() });
        }
        let address = task.private_ip.as_deref().map(|address| address.parse::<IpAddr>().unwrap());
        if let Some(address) = address {
            targets.deregister(address, 8080, now);
        }
        task.last_status = TaskStatus::Deactivating;
    };
    match task.last_status {
        TaskStatus::Stopped => return false,
        TaskStatus::Deactivating => {
            let address = task.private_ip.clone();
            if targets.targets.iter().any(|target| Some(target.address.to_string()) == address) {
                return false;
            }
            task.last_status = TaskStatus::Stopping;
        }
        TaskStatus::Stopping => task.last_status = TaskStatus::Deprovisioning,
        TaskStatus::Deprovisioning => {
            task.last_status = TaskStatus::Stopped;
            task.stopped_at = Some(now);
        }
        _ if task.stop.is_some() => end(task, StopCode::UserInitiated, ""),
        TaskStatus::Provisioning => {
            let place = u32::from_str_radix(&task.id[24..], 16).unwrap();
            task.private_ip = Some(Ipv4Addr::from(0x0A00_0000 + place).to_string());
            task.last_status = TaskStatus::Pending;
        }
        TaskStatus::Pending if fate == Fate::CannotStart => {
            let reason = "CannotPullContainerError: pull image manifest has been retried 1 time(s)";
            end(task, StopCode::TaskFailedToStart, reason);
        }
        TaskStatus::Pending => task.last_status = TaskStatus::Activating,
        TaskStatus::Activating => {
            if !task.load_balancers.is_empty() {
                let address: IpAddr = task.private_ip.as_deref().unwrap().parse().unwrap();
                targets.register(address, 8080, SocketAddr::from((address, 8080)), now);
            }
            task.last_status = TaskStatus::Running;
            task.started_at = Some(now);
        }
        TaskStatus::Running => match fate {
            Fate::ExitsAtOnce => end(task, StopCode::EssentialContainerExited, "Essential container in task exited"),
            Fate::FailsContainerCheck if task.health == Health::Unknown => task.health = Health::Unhealthy,
            _ if task.health == Health::Unknown && dice.roll(2) == 0 => task.health = Health::Healthy,
            _ => return false,
        },
    }
    true
}

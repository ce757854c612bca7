//! All rules, grouped by subject, in display order.

mod answers;
mod balancer;
mod database;
mod fargate;
mod ground;
mod health;
mod images;
mod logs;
mod order;
mod ports;
mod references;
mod roles;
mod rollout;
mod running;
mod sizes;
mod static_files;
mod stopping;
mod upstream;
mod variables;
mod volumes;

use super::Rule;

/// The groups of rules.
pub(super) const GROUPS: &[&[Rule]] = &[
    images::RULES,
    ground::RULES,
    sizes::RULES,
    fargate::RULES,
    references::RULES,
    ports::RULES,
    volumes::RULES,
    order::RULES,
    health::RULES,
    stopping::RULES,
    variables::RULES,
    database::RULES,
    roles::RULES,
    logs::RULES,
    upstream::RULES,
    static_files::RULES,
    balancer::RULES,
    rollout::RULES,
    running::RULES,
    answers::RULES,
];

//! One file per verb. Commands never import each other.

pub mod bench;
pub mod build;
pub mod doctor;
pub mod local;
pub mod push;
pub mod setup;
pub mod test;

//! The inputs of an image: ignore rules, the reach of Dockerfiles, fingerprints and the walk over real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

#[path = "inputs/built.rs"]
mod built;
#[path = "inputs/dockerfiles.rs"]
mod dockerfiles;
#[path = "inputs/ignore_rules.rs"]
mod ignore_rules;
#[path = "inputs/observed.rs"]
mod observed;
#[path = "inputs/remembered.rs"]
mod remembered;
#[path = "inputs/repository.rs"]
mod repository;
#[path = "inputs/sample.rs"]
mod sample;

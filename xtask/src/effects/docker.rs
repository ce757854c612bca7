//! The docker client and buildx: one bake run, followed line by line.
//! Not here: which engine (`engine`), what is built (`plan::bake`), how progress looks (`report::progress`).

pub mod bake;
pub mod save;

//! The docker client and buildx: one bake run, whose output is read line by line. The choice of the engine is in
//! `engine`, the bake plan in `plan::bake`, the display of progress in `report::progress`.

pub mod bake;
pub mod save;

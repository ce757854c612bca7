//! Tasks on a real engine: the library's store and runner, no API. `SLIPWAY_TEST_ENGINE` is the engine's address,
//! `SLIPWAY_TEST_BUSYBOX` the path of a static busybox. Every test has an instance of its own and leaves nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "clippy knows test functions only, not what they call")]

mod adoption;
mod life;
mod limits;
mod order;
mod output;
mod refusals;
mod stand;
mod storage;

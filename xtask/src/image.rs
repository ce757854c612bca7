//! Images: name, platform, digest and fingerprint, the inputs that a Dockerfile reads, the OCI layout, and the proof of
//! architecture over that layout. Pure: bytes arrive as `Read`, file lists as values.

pub mod base;

pub mod digest;
pub mod dockerfile;
pub mod dockerignore;
pub mod elf;
pub mod fingerprint;
pub mod layer;
pub mod layout;
pub mod name;
pub mod platform;
pub mod proof;
pub mod substitute;
pub mod tag;
pub mod timestamps;

pub use digest::Digest;
pub use fingerprint::Fingerprint;
pub use name::ImageName;
pub use platform::Platform;
pub use tag::Tag;

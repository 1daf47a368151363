//! The nouns: what there is in a simulated cluster. No file formats, no algorithms.
//!
//! State has one owner. Things name each other by small ids into arenas ([`arena`]), nobody holds a
//! reference. [`cluster::Cluster`] owns the container instances and is changed by its methods only.

pub mod arena;
pub mod cluster;
pub mod gpus;
pub mod instance;
pub mod mix;
pub mod provider;
pub mod request;
pub mod resources;

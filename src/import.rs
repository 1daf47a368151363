//! Recorded workloads of others, turned into scenarios and traces.
//!
//! A conversion goes from text to text: it opens no file and prints nothing. It refuses what it does
//! not understand, and accounts for whatever it leaves out or changes.

pub mod aws;
pub mod batsim;
pub mod described;
pub mod jobs;
pub mod nfcore;
pub mod openb;
pub mod swf;
pub mod wfcommons;

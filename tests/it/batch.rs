//! The golden cases of the AWS Batch specification, section 13, each as a test named by its id.
//!
//! A case is jobs and what is done to them; [`case`] turns a few words into a scenario, loads and runs
//! it, and gives what AWS Batch would tell. Beside the cases of the tables stand tests of the worked
//! examples that they refer to, named in words.
//!
//! Beside the cases: [`laws`] holds random jobs to the invariants of section 17, [`graphs`] runs large
//! graphs.
//!
//! Elsewhere: what is only about the checks of a call (G12, G25, G36, G50, G74, G84, G92, G95, G102,
//! G106, G110, G111, G116, G146 and G147; G66 and G67) is tested beside the request types; the test
//! vectors of retry rules and the worked numbers of fair share beside those modules.

mod arrays;
mod case;
mod dependencies;
mod disciplines;
mod environments;
mod graphs;
mod jobs;
pub mod laws;
mod nodes;
mod queues;
mod retries;
mod timeouts;

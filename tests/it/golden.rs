//! The golden cases of the ECS specification, section 12, each as a test named by its id.
//!
//! A case is a cluster, a task definition and calls; [`case`] turns a few words into a scenario,
//! loads and runs it, and gives what ECS would answer. What the table leaves open is not asserted:
//! where several instances are right, the test asks for one of them, and the order of the tasks of
//! a call does not matter. An error is compared to the letter, with its place in the scenario.
//! Beside the cases of the table stand tests of the sections they refer to, named in words.

mod calls;
mod capacity;
mod case;
mod choices;
mod constraints;
mod failures;
mod fargate;
mod instances;
mod lifecycle;
mod overrides;
mod resources;
mod services;
mod strategies;

//! The golden cases of the ECS specification, section 12, each as a test named by its id.
//!
//! A case is a cluster, a task definition and calls; [`case`] turns a few words into a scenario,
//! loads and runs it, and gives what ECS would answer. What the table leaves open is not asserted:
//! where several instances are right, the test asks for one of them, and the order of the tasks of
//! a call does not matter. An error is compared to the letter, with its place in the scenario.
//!
//! Cases that wait for a part of the simulator that is not there yet:
//!
//! - G27: needs StopTask and a task in STOPPING;
//! - G56, G119 to G122: services;
//! - G60 to G62: scale-in of services;
//! - G81 to G94: the life of a task between PENDING and STOPPED, and draining;
//! - G95 to G104: capacity providers and managed scaling;
//! - G105 to G109: Fargate sizes; G110 here is its EC2 half;
//! - C6, C7: the time between the end of a task's wish to run and STOPPED;
//! - C9 to C11: tasks that wait for a capacity provider.

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
mod strategies;

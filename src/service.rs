//! The decisions of the ECS service scheduler, as arithmetic: nothing here holds a task or a clock.
//!
//! A service keeps a number of tasks running. Each time something about it changes, its owner
//! describes the tasks that are meant to run and asks what to do:
//!
//! - [`deployment`] says for a REPLICA service how many tasks to start and which to stop, between
//!   the lower bound of healthy tasks and the upper bound of all tasks;
//! - [`daemon`] says it for a DAEMON service: one task on each instance that meets the constraints;
//! - [`scale_in`] says which of several equally superfluous tasks stops first;
//! - [`circuit_breaker`] says when a deployment has failed;
//! - [`throttle`] says when to try again after tasks did not start or found no room;
//! - [`event`] is what a service reports.
//!
//! Where a started task goes is placement's decision.

pub mod circuit_breaker;
pub mod daemon;
pub mod deployment;
pub mod event;
pub mod scale_in;
pub mod throttle;

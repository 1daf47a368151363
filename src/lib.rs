//! A discrete-event simulator of clusters that are scheduled the way Amazon ECS places tasks and AWS
//! Batch runs jobs.
//!
//! A simulated clock drives container instances with CPU, memory, GPUs, host ports and network
//! interfaces, which come and go with their Auto Scaling groups, drain, fail and are taken back, and
//! Fargate; callers and services ask for tasks; capacity providers and placement put them where ECS
//! would; tasks live through image pulls, dependencies, health checks and stops; and everything is
//! measured. The life of an event: [`scenario`] reads a file and turns names into ids, [`workload`]
//! says who asks for what and when, the [`engine`]'s calendar holds it, its handler asks
//! [`placement`], [`capacity`] or [`service`] for a decision and changes the [`model`]'s cluster,
//! [`metrics`] listens, [`report`] writes.
//!
//! Around single runs: [`experiment`] makes many of them and asks [`statistics`] what they say, and
//! [`explain`] runs one again to tell why somebody waited; [`bounds`] are what no placement could
//! have undercut, [`study`] repeats what others have published.
//!
//! A module uses only modules above it in the list below; a test holds the code to that.
//!
//! What always holds:
//! - time and resources are integers, and no float decides an order;
//! - the same scenario, seed and version give the same bytes;
//! - a run cannot fail once a scenario has loaded;
//! - an instance never carries more than it has; every task that was asked for has ended or is
//!   listed with the reason it has not;
//! - the indexed chooser gives what an exhaustive scan gives.
//!
//! ```
//! use stowplan::{engine, metrics::Metrics, scenario};
//!
//! let text = "
//! name: one
//! clusters: [{containerInstances: [{instanceType: m5.large}]}]
//! taskDefinitions: [{family: job, containerDefinitions: [{name: job, cpu: 512, memory: 1024}]}]
//! workloads:
//!   - name: jobs
//!     runTask: {taskDefinition: job}
//!     arrivals: {process: every, interval: 1m, count: 10}
//!     containers: {job: {duration: {distribution: constant, value: 90s}}}
//! ";
//! let loaded = scenario::load_text("one.yaml", text, std::path::Path::new(""))?;
//! let mut metrics = Metrics::new();
//! let outcome = engine::run(loaded.plan, &mut metrics);
//! assert_eq!(metrics.results(&outcome).tasks.stopped, 10);
//! # Ok::<(), stowplan::scenario::problem::Problems>(())
//! ```

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod time;

pub mod rng;

pub mod statistics;

pub mod units;

pub mod query;

pub mod catalogue;

pub mod model;

pub mod batch;

pub mod api;

pub mod placement;

pub mod capacity;

pub mod service;

pub mod workload;

pub mod engine;

pub mod bounds;

pub mod metrics;

pub mod experiment;

pub mod explain;

pub mod report;

pub mod scenario;

pub mod import;

pub mod study;

pub mod cli;

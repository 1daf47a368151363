//! Integration tests: one binary, a module a subject.

mod aws;
mod aws_output;
mod bad_input;
mod batch;
mod chooser;
mod cli;
mod edges;
mod endings;
mod golden;
mod instructions;
mod invariants;
mod job_output;
mod jobs_import;
mod layers;
mod openb;
mod plan;
mod queueing;
mod readme;

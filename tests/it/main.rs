//! Integration tests: one binary, a module a subject.

mod aws;
mod aws_output;
mod bad_input;
mod batch;
mod batsim;
mod binary;
mod bounds;
mod chooser;
mod cli;
mod compare;
mod edges;
mod endings;
mod explain;
mod extensions;
mod fgd;
mod golden;
mod instructions;
mod invariants;
mod job_output;
mod jobs_import;
mod layers;
mod openb;
mod queueing;
mod readme;
mod report;
mod sweep;

//! Integration tests: one binary, a module a subject.

mod chooser;
mod cli;
mod golden;
mod instructions;
mod layers;
mod openb;
mod queueing;

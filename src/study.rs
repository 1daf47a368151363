//! Studies that others published, repeated by one command.
//!
//! A study has its own question and its own measures, which no scenario asks for; what places the
//! tasks is [`crate::placement`], as in every run.

pub mod fgd;

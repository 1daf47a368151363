//! Why somebody waited: ledgers by hand, and what must hold of every ledger and every proposal.

mod cases;
mod commands;
mod laws;

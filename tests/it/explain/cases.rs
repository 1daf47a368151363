//! Ledgers by hand.

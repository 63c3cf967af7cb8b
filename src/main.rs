//! The payferry program.

fn main() {}

//! A local Calendly on a port of its own, for trying things out.

fn main() {}

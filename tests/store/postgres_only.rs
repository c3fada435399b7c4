//! Servers, sessions, clocks.

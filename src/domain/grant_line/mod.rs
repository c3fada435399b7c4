//! A grant as an application writes it down: one JSON object, or the same names in a CSV file. Pure; no reason quotes a token.

mod fields;
mod json;
mod line;
mod time;

pub(crate) use fields::{Fields, NAMES};
pub(crate) use json::fields;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use line::BadLine;
pub(crate) use line::grant;

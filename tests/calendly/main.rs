//! The Calendly client against servers that answer, cut, hang and redirect as told.

mod api;
mod canned;
mod resend;
mod secrets;
mod tokens;

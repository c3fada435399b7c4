//! How deliveries are sent, and how long hours are for them.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// What `retry_started_at` shows once deliveries arrive again; Calendly does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum AfterRetries {
    /// When retries last began (its staff say so).
    Keep,
    /// Null.
    Clear,
}

/// The switches of deliveries.
#[derive(Clone, Debug, Serialize, Deserialize, Args)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryOptions {
    /// The application's key, which signs the deliveries of its subscriptions; empty: no signature.
    #[arg(long, value_name = "KEY", default_value = Self::SIGNING_KEY, help_heading = "Deliveries")]
    pub signing_key: String,
    /// So much faster time passes for retries and for the 24 hours after which a subscription is disabled.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, help_heading = "Deliveries")]
    pub delivery_clock: f64,
    /// How long a connection to a callback URL may take to come about; in real seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, help_heading = "Deliveries")]
    pub delivery_connect_timeout: f64,
    /// How long an answer may take; in real seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 15.0, help_heading = "Deliveries")]
    pub delivery_timeout: f64,
    /// What `retry_started_at` shows once deliveries arrive again.
    #[arg(long, value_enum, default_value = "keep", help_heading = "Deliveries")]
    pub after_retries: AfterRetries,
}

impl DeliveryOptions {
    /// The signing key where none is given.
    pub const SIGNING_KEY: &str = "simulated-signing-key";

    /// The first switch whose value cannot be, as "field: value, remedy".
    pub(crate) fn validate(&self) -> Result<(), String> {
        if !(1e-3..=1e7).contains(&self.delivery_clock) {
            return Err(format!("delivery_clock: {}, use 0.001 to 10000000", self.delivery_clock));
        }
        for (name, seconds) in [
            ("delivery_connect_timeout", self.delivery_connect_timeout),
            ("delivery_timeout", self.delivery_timeout),
        ] {
            if !(1e-3..=1e5).contains(&seconds) {
                return Err(format!("{name}: {seconds}, use 0.001 to 100000"));
            }
        }
        Ok(())
    }
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self {
            signing_key: Self::SIGNING_KEY.into(),
            delivery_clock: 1.0,
            delivery_connect_timeout: 10.0,
            delivery_timeout: 15.0,
            after_retries: AfterRetries::Keep,
        }
    }
}

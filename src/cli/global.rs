//! What all commands take: where the configuration is, and single settings.

use std::path::PathBuf;

use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, Flag, LogFormat, Sources};
use crate::ports::Clock as _;
use crate::telemetry::log::{self, Format};

/// Flags of every command.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Global {
    /// Read settings from this TOML file
    #[arg(long, global = true, value_name = "FILE", env = "KEEPER_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where the lock, the journal and, by default, the database and the key file are
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Change one setting, as in --set log.format=json; may be repeated. Secrets are not taken here
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it like section.key=value")?;
    Ok((key.trim().into(), value.into()))
}

impl Global {
    /// Reads the configuration from all sources.
    ///
    /// # Errors
    /// Every mistake, together.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let data_dir = self.data_dir.iter().map(|directory| Flag {
            key: "data_dir".into(),
            value: directory.clone(),
            flag: "--data-dir",
        });
        let set = self.set.iter().map(|(key, value)| Flag {
            key: key.clone(),
            value: value.clone(),
            flag: "--set",
        });
        Config::load(&Sources {
            file: self.config.clone(),
            environment: std::env::vars_os().collect(),
            flags: data_dir.chain(set).collect(),
        })
    }

    /// Reads the configuration and starts the log as it says.
    ///
    /// # Errors
    /// Every mistake, together.
    pub fn start(&self) -> Result<Config, ConfigError> {
        let config = self.load()?;
        let format = match config.log.format {
            LogFormat::Text => Format::Text,
            LogFormat::Json => Format::Json,
        };
        // Fails only where a log is at work already, in tests: then that one stays.
        let _ = log::init(format, || SystemClock.now(), |name| std::env::var(name).ok());
        Ok(config)
    }
}

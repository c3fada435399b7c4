//! Calendly: whether it can be reached, knows us, and has our time; and whether it can reach the callback URL.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use url::{Host, Url};

use super::Finding;
use crate::calendly::{Calendly, reach};
use crate::cli::{process, settings};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::domain::subscription::Owner;
use crate::ports::{ApiErrorClass, TokenEndpoint as _};

const PATIENCE: Duration = Duration::from_secs(10);
/// A clock may be off by so much without anything to do about it.
const NEAR: u64 = 5;
/// Signatures of deliveries are refused from three minutes on, and tokens end too late.
const FAR: u64 = 60;

pub(super) fn check(config: &Config) -> anyhow::Result<Vec<Finding>> {
    let io = process::io_runtime()?;
    io.block_on(async {
        let mut findings = account(config).await?;
        findings.push(api(config).await);
        findings.push(callback(config).await);
        Ok(findings)
    })
}

async fn account(config: &Config) -> anyhow::Result<Vec<Finding>> {
    let client = match settings::calendly(config) {
        Ok(client) => client,
        Err(error) => {
            return Ok(vec![Finding::fail(
                "credentials",
                error.to_string(),
                "see the README on calendly.client_id",
            )]);
        }
    };
    let calendly =
        Calendly::new(&client, Arc::new(SystemClock)).context("the client for Calendly cannot be made")?;
    let checked = calendly.tokens.check_client().await;
    let auth = &config.calendly.auth_url;
    let mut findings = vec![match checked {
        Ok(()) => Finding::ok("credentials", format!("{auth} accepts client id and secret")),
        Err(error) if error.class == ApiErrorClass::Unauthenticated => Finding::fail(
            "credentials",
            format!("{auth} refuses client id or secret ({})", error.detail),
            "copy both from the application's page at developer.calendly.com; the secret may have been renewed",
        ),
        Err(error) if error.class == ApiErrorClass::Unavailable => Finding::fail(
            "credentials",
            format!("{auth} could not be asked: {}", error.detail),
            "check name resolution, routes, firewall, the machine's certificates, and calendly.auth_url",
        ),
        Err(error) => Finding::warn(
            "credentials",
            format!("{auth} did not say whether it accepts them: {}", error.detail),
            "the first refresh will tell",
        ),
    }];
    findings.push(match calendly.skew_seconds() {
        Some(skew) => clock(skew),
        None => {
            Finding::warn("clock", "nobody answered whose clock could be compared", "reach Calendly first")
        }
    });
    Ok(findings)
}

/// `skew`: how many seconds Calendly's clock is ahead of ours.
fn clock(skew: i64) -> Finding {
    let text = match skew {
        0 => "as Calendly's".to_owned(),
        1.. => format!("{skew} s behind Calendly's"),
        _ => format!("{} s ahead of Calendly's", skew.unsigned_abs()),
    };
    let remedy = "let the machine's clock be kept by NTP (timedatectl set-ntp true)";
    match skew.unsigned_abs() {
        0..=NEAR => Finding::ok("clock", text),
        off if off <= FAR => Finding::warn("clock", text, remedy),
        _ => Finding::fail("clock", text, remedy),
    }
}

async fn api(config: &Config) -> Finding {
    let url = &config.calendly.api_url;
    match reach(url, PATIENCE).await {
        Ok(status) if status < 500 => Finding::ok("api", format!("{url} answers")),
        Ok(status) => {
            Finding::warn("api", format!("{url} answers {status}"), "look at Calendly's status page")
        }
        Err(error) => Finding::fail(
            "api",
            format!("{url} cannot be reached: {error}"),
            "check name resolution, routes, firewall, and calendly.api_url",
        ),
    }
}

async fn callback(config: &Config) -> Finding {
    const CHECK: &str = "callback";
    let Some(template) = &config.webhook.callback else {
        return Finding::ok(CHECK, "none is configured: the keeper keeps tokens only");
    };
    let owner = Owner { organization: "doctor".into(), user: None };
    let filled = "doctor".parse().ok().map(|id| template.fill(&id, &owner).to_string());
    let Some(url) = filled.and_then(|text| Url::parse(&text).ok()) else {
        return Finding::fail(CHECK, "is no URL", "check webhook.callback_url");
    };
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if is_local || url.scheme() != "https" {
        let text = format!("{url} is on this machine, where Calendly does not come");
        return Finding::warn(CHECK, text, "set webhook.callback_url to an https URL of the internet");
    }
    match reach(&url, PATIENCE).await {
        Ok(status @ 300..400) => Finding::warn(
            CHECK,
            format!("{url} answers {status}, a redirect"),
            "Calendly follows none and counts it as a failure: set webhook.callback_url to where it leads",
        ),
        Ok(status) if status < 500 => Finding::ok(CHECK, format!("{url} answers, over https")),
        Ok(status) => Finding::warn(
            CHECK,
            format!("{url} answers {status} to HEAD"),
            "deliveries need 2xx: look at the log of what stands there",
        ),
        Err(error) => Finding::fail(
            CHECK,
            format!("{url} cannot be reached from here: {error}"),
            "check the name, the proxy in front and its certificate; Calendly disables what fails for a day",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_off() {
        let levels = [0, -5, 6, -60, 61, -7200].map(|skew| clock(skew).result);
        assert_eq!(levels, [Level::Ok, Level::Ok, Level::Warn, Level::Warn, Level::Fail, Level::Fail]);
        assert_eq!(clock(90).text, "90 s behind Calendly's");
        assert_eq!(clock(-90).text, "90 s ahead of Calendly's");
    }
}

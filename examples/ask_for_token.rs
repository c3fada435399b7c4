//! Calls Calendly for a connection: `cargo run --example ask_for_token ID`. `KEEPER_URL` and `KEEPER_TOKEN` say where the
//! keeper is.
#![allow(clippy::print_stdout, reason = "an example that prints")]

use std::env::{args, var};
use std::error::Error;

use serde_json::Value;
use ureq::Agent;

type Answer = Result<Value, Box<dyn Error>>;

fn get(agent: &Agent, url: &str, token: &str) -> Result<(u16, Value), Box<dyn Error>> {
    let mut answer = agent.get(url).header("Authorization", format!("Bearer {token}")).call()?;
    Ok((answer.status().as_u16(), answer.body_mut().read_json()?))
}

fn token(agent: &Agent, connection: &str, query: &str) -> Answer {
    let url = format!("{}/v1/connections/{connection}/access-token{query}", var("KEEPER_URL")?);
    match get(agent, &url, &var("KEEPER_TOKEN")?)? {
        (200, token) => Ok(token),
        (_, problem) => Err(problem["detail"].as_str().unwrap_or_default().into()),
    }
}

fn call(connection: &str, path: &str) -> Answer {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let url = var("CALENDLY_URL").unwrap_or_else(|_| "https://api.calendly.com".into()) + path;
    let had = token(&agent, connection, "")?;
    let (status, answer) = get(&agent, &url, had["access_token"].as_str().unwrap_or_default())?;
    if status != 401 {
        return Ok(answer);
    }
    let fresh = token(&agent, connection, &format!("?rejected={}", had["generation"]))?;
    Ok(get(&agent, &url, fresh["access_token"].as_str().unwrap_or_default())?.1)
}

fn main() -> Result<(), Box<dyn Error>> {
    let connection = args().nth(1).ok_or("name a connection")?;
    println!("{}", call(&connection, "/users/me")?["resource"]["uri"].as_str().unwrap_or("-"));
    Ok(())
}

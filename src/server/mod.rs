//! The HTTP API: for the application that asks for tokens, for the commands, for the browser in a connect flow.
//!
//! It runs in threads of its own and works on the cells, so that tokens are served while the database, Calendly or an
//! actor is away.

mod auth;
mod described;
mod extract;
mod metrics;
mod openapi;
mod page;
mod problem;
mod redirect;
mod request_id;
mod routes;
mod show;
mod state;
mod work;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use log::{error, info};
use url::Url;

use crate::actors::Shared;
use crate::domain::api_token::ApiToken;
use state::State;

pub use problem::{PROBLEMS, Problem};

/// A request's head has to be here by then.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests under way are given so long at a stop.
const STOP: Duration = Duration::from_secs(5);
/// More than an application's instances need; the next ones wait.
const MAX_CONNECTIONS: usize = 10_000;

/// Plain values that the server needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where everything is.
    pub listen: SocketAddr,
    /// Where only that is which the internet must reach.
    pub public_listen: Option<SocketAddr>,
    /// How it is reached from outside.
    pub public_url: Option<Url>,
    /// Who may ask for what.
    pub tokens: Vec<ApiToken>,
}

/// Addresses that are ours: who connects from now on is served as soon as the server starts.
#[derive(Debug)]
pub struct Bound {
    settings: Settings,
    private: TcpListener,
    public: Option<TcpListener>,
}

/// A running server.
#[derive(Debug)]
pub struct Running(Vec<ServerHandle>);

/// An address that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} ({key}): {source}; is another keeper running? choose another address, or \"\" for none"
)]
pub struct BindError {
    key: &'static str,
    address: SocketAddr,
    source: io::Error,
}

/// Takes the addresses.
///
/// # Errors
/// Which one cannot be had.
pub fn bind(settings: Settings) -> Result<Bound, BindError> {
    let listen = |key, address: SocketAddr| {
        TcpListener::bind(address).map_err(|source| BindError { key, address, source })
    };
    let private = listen("server.listen", settings.listen)?;
    let public = settings.public_listen.map(|address| listen("server.public_listen", address)).transpose()?;
    Ok(Bound { settings, private, public })
}

impl Bound {
    /// Serves. To be called on the system arbiter.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn start(self, shared: Arc<Shared>) -> io::Result<Running> {
        let Self { settings, private, public } = self;
        let faces = if public.is_some() { routes::Face::Private } else { routes::Face::Both };
        let open = settings.listen.ip().is_loopback();
        let browsers = public.as_ref().unwrap_or(&private).local_addr()?;
        let redirect_uri = redirect::uri(settings.public_url.as_ref(), browsers);
        let state = State::new(shared, settings.tokens, open, redirect_uri);
        let mut running = vec![serve(private, state.clone(), faces)?];
        if let Some(public) = public {
            running.push(serve(public, state, routes::Face::Public)?);
        }
        Ok(Running(running))
    }
}

impl Running {
    /// Ends what is under way, a few seconds at most.
    pub async fn stop(&self) {
        for server in &self.0 {
            server.stop(true).await;
        }
    }
}

fn serve(listener: TcpListener, state: State, face: routes::Face) -> io::Result<ServerHandle> {
    let address = listener.local_addr()?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .wrap(from_fn(request_id::give))
            .configure(|routes| routes::configure(routes, face))
    })
    .disable_signals()
    .workers(std::thread::available_parallelism().map_or(1, usize::from).min(4))
    .client_request_timeout(HEAD_TIMEOUT)
    .max_connections(MAX_CONNECTIONS)
    .shutdown_timeout(STOP.as_secs())
    .listen(listener)?
    .run();
    let handle = server.handle();
    #[expect(
        clippy::disallowed_methods,
        reason = "accepting connections: it ends with the process, and holds nothing"
    )]
    actix_web::rt::spawn(async move {
        if let Err(error) = server.await {
            error!(target: "server", error:% = error; "the HTTP server failed");
        }
    });
    info!(target: "server", address:% = address, serves = face.as_str(); "listening");
    Ok(handle)
}

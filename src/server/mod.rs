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
use metrics::{Metrics, Requests};
use state::{Door, State};

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
}

/// Addresses that are ours: who connects from now on is served as soon as the server starts.
#[derive(Debug)]
pub struct Bound {
    settings: Settings,
    private: TcpListener,
    public: Option<TcpListener>,
}

/// A running server. Until it is opened it says that the process lives, and that it does not work yet.
#[derive(Debug)]
pub struct Running {
    servers: Vec<ServerHandle>,
    door: Door,
    requests: Requests,
    is_loopback: bool,
    redirect_uri: Option<Url>,
}

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
    pub fn start(self) -> io::Result<Running> {
        let Self { settings, private, public } = self;
        let faces = if public.is_some() { routes::Face::Private } else { routes::Face::Both };
        let browsers = public.as_ref().unwrap_or(&private).local_addr()?;
        let (door, requests) = (Door::default(), Requests::default());
        let mut servers = vec![serve(private, &door, &requests, faces)?];
        if let Some(public) = public {
            servers.push(serve(public, &door, &requests, routes::Face::Public)?);
        }
        let is_loopback = settings.listen.ip().is_loopback();
        let redirect_uri = redirect::uri(settings.public_url.as_ref(), browsers);
        Ok(Running { servers, door, requests, is_loopback, redirect_uri })
    }
}

impl Running {
    /// Answers everything from now on, to whoever has one of the tokens.
    pub fn open(&self, shared: Arc<Shared>, tokens: Vec<ApiToken>) {
        let metrics = Metrics::new(shared.clone(), &self.requests);
        let (is_loopback, redirect_uri) = (self.is_loopback, self.redirect_uri.clone());
        self.door.open(State { shared, tokens, metrics, is_loopback, redirect_uri });
    }

    /// Ends what is under way, a few seconds at most.
    pub async fn stop(&self) {
        for server in &self.servers {
            server.stop(true).await;
        }
    }
}

fn serve(
    listener: TcpListener,
    door: &Door,
    requests: &Requests,
    face: routes::Face,
) -> io::Result<ServerHandle> {
    let address = listener.local_addr()?;
    let (door, requests) = (door.clone(), requests.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(door.clone())
            .app_data(requests.clone())
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

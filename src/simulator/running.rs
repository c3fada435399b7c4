//! A simulator's life: it listens, delivers and books, goes down, comes back, and ends with its last handle.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::deliveries;
use super::meetings;
use super::options::Options;
use super::server;
use super::shared::Shared;
use super::state::State;

pub(super) struct Running {
    pub shared: Arc<Shared>,
    pub address: SocketAddr,
    pub seed: u64,
    runtime: Handle,
    /// Of the listener, its connections and what goes out, while it listens.
    listening: Mutex<Option<CancellationToken>>,
    pub client_id: String,
    pub client_secret: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.go_down();
    }
}

impl Running {
    pub(crate) fn start(runtime: &Handle, options: Options) -> io::Result<Self> {
        options.validate().map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))?;
        let _inside = runtime.enter();
        let listener = server::bind(options.listen)?;
        let address = listener.local_addr()?;
        let base = options.uri_base.clone().unwrap_or_else(|| format!("http://{address}"));
        let (client_id, client_secret) = (options.client_id.clone(), options.client_secret.clone());
        // Random unless told: a simulator started anew must not issue the tokens of the one before.
        let seed = options.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0 >> 32);
        let running = Self {
            seed,
            shared: Arc::new(Shared::new(State::new(options, base, seed), seed)),
            address,
            runtime: runtime.clone(),
            listening: Mutex::new(None),
            client_id,
            client_secret,
        };
        let cancelled = running.accept_on(listener);
        *running.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(cancelled);
        Ok(running)
    }

    pub(crate) fn go_down(&self) {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(cancelled) = listening {
            cancelled.cancel();
        }
    }

    pub(crate) fn listen(&self) -> io::Result<()> {
        let _inside = self.runtime.enter();
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if listening.is_none() {
            let listener = server::bind(self.address)?;
            *listening = Some(self.accept_on(listener));
        }
        Ok(())
    }

    fn accept_on(&self, listener: tokio::net::TcpListener) -> CancellationToken {
        let cancelled = CancellationToken::new();
        let shared = || Arc::clone(&self.shared);
        self.runtime.spawn(server::accept(listener, shared(), cancelled.clone()));
        self.runtime.spawn(deliveries::deliver(shared(), cancelled.clone()));
        self.runtime.spawn(meetings::book_by_itself(shared(), cancelled.clone()));
        cancelled
    }
}

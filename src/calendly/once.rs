//! A request body that can be read once, and that tells when reading began.
//!
//! Once read it is gone, so no layer below, now or after an update, has anything to send a second time.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::watch;

pub(super) struct Once {
    bytes: Option<Bytes>,
    read: watch::Sender<bool>,
}

/// The other end: whether the body has been read.
pub(super) struct Started(watch::Receiver<bool>);

pub(super) fn once(text: String) -> (Once, Started) {
    let (read, started) = watch::channel(false);
    (Once { bytes: Some(text.into()), read }, Started(started))
}

impl Started {
    /// Whether a connection has begun to send the request.
    pub(super) fn yet(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for that; for ever where it never comes to it.
    pub(super) async fn wait(&mut self) {
        if self.0.wait_for(|started| *started).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Body for Once {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.read.send_replace(true);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

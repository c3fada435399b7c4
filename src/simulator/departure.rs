//! How an answer leaves: whole, cut in the middle, or with the connection reset; and the note that it left whole.
//! What it says is not its business.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::grants::Whole;

/// What the parts of one connection tell each other.
#[derive(Default)]
pub(super) struct Notes {
    /// To be set when everything written so far has been handed to the network.
    leaving: Mutex<Option<Whole>>,
    reset: AtomicBool,
}

impl Notes {
    /// The connection shall end with a reset instead of a farewell.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
    }

    fn leaving(&self) -> MutexGuard<'_, Option<Whole>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct AnswerBody {
    data: Option<Bytes>,
    announced: u64,
    whole: Option<Whole>,
    notes: Arc<Notes>,
    cut: Cut,
}

enum Cut {
    No,
    /// First let what was written go out.
    Flushing,
    Now,
}

impl AnswerBody {
    pub(crate) fn new(mut data: Bytes, truncated: bool, whole: Option<Whole>, notes: Arc<Notes>) -> Self {
        let announced = data.len() as u64;
        if truncated {
            data.truncate(data.len() / 2);
        }
        let cut = if truncated && announced > 0 { Cut::Flushing } else { Cut::No };
        Self { data: (!data.is_empty()).then_some(data), announced, whole, notes, cut }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take() {
            let whole = self.whole.take();
            *self.notes.leaving() = whole;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.cut {
            Cut::No => Poll::Ready(None),
            Cut::Flushing => {
                self.cut = Cut::Now;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Cut::Now => Poll::Ready(Some(Err(io::Error::other("cut in the middle on purpose")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && matches!(self.cut, Cut::No)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

/// A connection that notes when an answer has left, and ends as its notes say.
pub(super) struct Wire {
    io: TokioIo<TcpStream>,
    notes: Arc<Notes>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, notes: Arc<Notes>) -> Self {
        Self { io: TokioIo::new(stream), notes }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.notes.reset.load(Ordering::Acquire) {
            // Where it cannot be set the connection still ends, only more politely.
            let _ = self.io.inner().set_zero_linger();
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    /// hyper calls this once its own buffer is empty, so everything of the answer has been written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(())))
            && let Some(whole) = self.notes.leaving().take()
        {
            whole.store(true, Ordering::Release);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, buffers)
    }
}
